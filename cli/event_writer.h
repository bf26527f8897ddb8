#pragma once

#include <atomic>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "cli/client.h"

namespace lorasweep::cli {

// Writes a sweep's events for TensorBoard, from its beginning on and as they come, on a thread of its own until the
// sweep has ended.
//
//   EventWriter events("127.0.0.1:50151", {}, "sweeps/math-tutor", "runs/math-tutor");
//   …
//   absl::Status written = events.Finish();
class EventWriter {
 public:
  EventWriter(const std::string& server, const proto::Access& access, std::string sweep, std::string folder);
  // Leaves the sweep.
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  // The sweep has ended and all of it is written, or there was an error.
  bool done() const { return done_; }
  // Leaves the sweep as soon as what has come is written; does not wait.
  void Leave() { stop_.request_stop(); }
  // Waits until it is done or was left. Errors: FollowSweep's but Cancelled; Internal, with the file that cannot be
  // written.
  absl::Status Finish();

 private:
  void Follow();

  Client client_;
  const std::string sweep_;
  const std::string folder_;
  std::stop_source stop_;
  std::atomic<bool> done_ = false;
  absl::Status status_;  // read once the thread has ended
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace lorasweep::cli
