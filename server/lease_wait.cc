#include "server/lease_wait.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "server/proto_time.h"

namespace lorasweep::server {
namespace {

constexpr absl::Duration kLongestWait = absl::Seconds(30);
constexpr absl::Duration kLookUp = absl::Seconds(1);  // how often a waiting call looks whether its client has left

}  // namespace

absl::StatusOr<v1::LeaseTrialsResponse> WaitForLeases(Coordinator& coordinator, const v1::LeaseTrialsRequest& request,
                                                      const std::function<bool()>& left) {
  const absl::Duration wait = FromProtoDuration(request.wait());
  const absl::Time deadline = absl::Now() + std::clamp(wait, absl::ZeroDuration(), kLongestWait);
  EventHub& events = coordinator.events();
  while (true) {
    if (events.closed()) return absl::UnavailableError("the server is closing");
    const std::uint64_t seen = events.Seen(EventHub::kWork);
    absl::StatusOr<v1::LeaseTrialsResponse> leases = coordinator.LeaseTrials(request);
    const absl::Duration rest = deadline - absl::Now();
    if (!leases.ok() || leases->leases_size() > 0 || rest <= absl::ZeroDuration() || left()) {
      if (leases.ok() && left()) coordinator.MarkUnanswered(*leases);
      return leases;
    }
    events.Wait(EventHub::kWork, seen, std::min(rest, kLookUp));
  }
}

}  // namespace lorasweep::server
