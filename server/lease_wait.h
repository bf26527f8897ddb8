#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "server/coordinator.h"

namespace lorasweep::server {

// LeaseTrials for one client, whatever door it came through: asks again whenever there might be a trial, until there is
// one, the request's `wait` (at most 30 s) is over, or `left` says that the client is gone. Leases that a client did
// not wait for are what its worker gets when it asks again. Unavailable: the server is closing.
absl::StatusOr<v1::LeaseTrialsResponse> WaitForLeases(Coordinator& coordinator, const v1::LeaseTrialsRequest& request,
                                                      const std::function<bool()>& left);

}  // namespace lorasweep::server
