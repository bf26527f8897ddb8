#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/coordinator.h"

namespace lorasweep::server {

// WatchSweep for one client, whatever door it came through: what changed after a revision, then every change as it
// happens. A slow client catches up in one step. One thread; it counts as a watcher of the EventHub while it lives.
//
//   auto watch = SweepWatch::Open(coordinator, request);
//   while (!left() && !(*watch)->ended()) {
//     auto news = (*watch)->Next(absl::Seconds(1));
//     if (!news.ok()) return news.status();
//     if (news->has_value() && !Send(**news)) break;
//   }
class SweepWatch {
 public:
  // Errors: Coordinator::ChangesSince's; ResourceExhausted when there are too many watchers.
  static absl::StatusOr<std::unique_ptr<SweepWatch>> Open(Coordinator& coordinator, v1::WatchSweepRequest request);

  ~SweepWatch();
  SweepWatch(const SweepWatch&) = delete;
  SweepWatch& operator=(const SweepWatch&) = delete;

  // The changes since the last answer; nullopt when there were none for about `wait`, or the sweep has just ended.
  // Unavailable: the server is closing. NotFound: the sweep was deleted.
  absl::StatusOr<std::optional<v1::WatchSweepResponse>> Next(absl::Duration wait);

  // The sweep has ended, and all of it was told.
  bool ended() const { return ended_; }

 private:
  SweepWatch(Coordinator& coordinator, v1::WatchSweepRequest request)
      : coordinator_(coordinator), request_(std::move(request)) {}

  std::optional<v1::WatchSweepResponse> Take(Coordinator::SweepChanges changes);

  Coordinator& coordinator_;
  v1::WatchSweepRequest request_;                   // after_revision moves on
  std::optional<Coordinator::SweepChanges> first_;  // what Open saw
  std::int64_t topic_ = 0;
  bool ended_ = false;
};

}  // namespace lorasweep::server
