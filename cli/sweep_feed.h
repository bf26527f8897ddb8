#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "cli/client.h"

namespace lorasweep::cli {

// Completed, cancelled or failed.
bool HasEnded(v1::Sweep::State state);

// Passes on every change of a sweep after `revision`, each once and in order, until the sweep has ended (Ok). When the
// server goes away it asks again, from the revision it had, after pauses that grow from `pause` to 20 times that;
// `on_connection(false)` and `(true)` tell of it. Blocks.
// Errors: Unavailable only when the server was never reached; Cancelled once `stop` is requested; else what the server
// said.
absl::Status FollowSweep(Client& client, const std::string& sweep, std::int64_t revision,
                         const std::function<void(const v1::WatchSweepResponse&)>& on_change,
                         const std::function<void(bool connected)>& on_connection, std::stop_token stop,
                         std::chrono::milliseconds pause = std::chrono::milliseconds(250));

// A sweep's changes and leaderboard for a view that must never wait for the network: two threads fetch, Take hands
// over what has come.
//
//   SweepFeed feed("127.0.0.1:50151", {}, "sweeps/math-tutor-2");
//   while (!(news = feed.Take()).end) { … draw …; sleep }
class SweepFeed {
 public:
  struct News {
    std::vector<v1::WatchSweepResponse> changes;
    std::optional<v1::GetLeaderboardResponse> leaderboard;  // when it was fetched anew
    bool connected = true;
    std::optional<absl::Status> end;  // FollowSweep's result, with the leaderboard of the end already handed over
  };

  SweepFeed(const std::string& server, const proto::Access& access, std::string sweep);
  // Leaves the watch.
  ~SweepFeed();
  SweepFeed(const SweepFeed&) = delete;
  SweepFeed& operator=(const SweepFeed&) = delete;

  // What came since the last call. Never waits for the network.
  News Take();

 private:
  void FetchLeaderboards(std::stop_token stop);

  Client client_;
  const std::string sweep_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  News news_;                          // guarded by mutex_
  bool leaderboard_is_stale_ = true;   // guarded by mutex_
  std::optional<absl::Status> ended_;  // guarded by mutex_

  // Last: they use all of the above, and are joined first.
  std::jthread leaderboard_thread_;
  std::jthread watch_thread_;
};

}  // namespace lorasweep::cli
