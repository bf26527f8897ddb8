#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace lorasweep::server {

// Asks the server that listens on `address` (HOST:PORT; a wildcard means this machine) whether it serves, in gRPC's own
// health protocol, with TLS or without, as the server speaks. Sends no secret, and so looks at no certificate: for the
// health checks of containers and supervisors on the same machine. Takes `patience` at most.
// Errors: Unavailable (nothing there answers, or it does not serve).
absl::Status CheckHealth(const std::string& address, absl::Duration patience);

}  // namespace lorasweep::server
