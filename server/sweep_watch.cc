#include "server/sweep_watch.h"

#include <utility>

namespace lorasweep::server {

absl::StatusOr<std::unique_ptr<SweepWatch>> SweepWatch::Open(Coordinator& coordinator, v1::WatchSweepRequest request) {
  if (!coordinator.events().Enter()) return absl::ResourceExhaustedError("too many watchers; try again later");
  auto watch = std::unique_ptr<SweepWatch>(new SweepWatch(coordinator, std::move(request)));
  absl::StatusOr<Coordinator::SweepChanges> changes = coordinator.ChangesSince(watch->request_);
  if (!changes.ok()) return changes.status();
  watch->topic_ = changes->topic;
  watch->first_ = *std::move(changes);
  return watch;
}

SweepWatch::~SweepWatch() {
  coordinator_.events().Leave();
}

std::optional<v1::WatchSweepResponse> SweepWatch::Take(Coordinator::SweepChanges changes) {
  ended_ = changes.last;
  if (changes.response.revision() <= request_.after_revision()) return std::nullopt;
  request_.set_after_revision(changes.response.revision());
  return std::move(changes.response);
}

absl::StatusOr<std::optional<v1::WatchSweepResponse>> SweepWatch::Next(absl::Duration wait) {
  const EventHub& events = coordinator_.events();
  if (events.closed()) return absl::UnavailableError("the server is closing");
  if (first_) return Take(*std::exchange(first_, std::nullopt));
  const std::uint64_t seen = events.Seen(topic_);  // before the look, so that nothing is missed between the two
  absl::StatusOr<Coordinator::SweepChanges> changes = coordinator_.ChangesSince(request_);
  if (!changes.ok()) return changes.status();
  std::optional<v1::WatchSweepResponse> news = Take(*std::move(changes));
  if (!news && !ended_) events.Wait(topic_, seen, wait);
  return news;
}

}  // namespace lorasweep::server
