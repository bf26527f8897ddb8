#include "cli/sweep_feed.h"

#include <algorithm>

namespace lorasweep::cli {
namespace {

constexpr std::chrono::milliseconds kLeaderboardInterval{500};

// Sleeps, but not beyond a request to stop.
void Pause(std::chrono::milliseconds time, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace

bool HasEnded(v1::Sweep::State state) {
  return state == v1::Sweep::COMPLETED || state == v1::Sweep::CANCELLED || state == v1::Sweep::FAILED;
}

absl::Status FollowSweep(Client& client, const std::string& sweep, std::int64_t revision,
                         const std::function<void(const v1::WatchSweepResponse&)>& on_change,
                         const std::function<void(bool connected)>& on_connection, std::stop_token stop,
                         std::chrono::milliseconds pause) {
  bool reached = false;
  bool connected = true;
  bool ended = false;
  std::chrono::milliseconds wait = pause;
  while (true) {
    const absl::Status status = client.WatchOnce(
        sweep, revision,
        [&](const v1::WatchSweepResponse& change) {
          reached = true;
          wait = pause;
          if (!connected) on_connection(connected = true);
          if (change.revision() <= revision && change.revision() != 0) return true;
          revision = change.revision();
          ended = HasEnded(change.sweep().state());
          on_change(change);
          return true;
        },
        stop);
    if (stop.stop_requested()) return absl::CancelledError("the watch was left");
    if (status.ok() && ended) return status;
    if (!status.ok() && (!absl::IsUnavailable(status) || !reached)) return status;
    if (status.ok()) {
      // The stream may close without a change to send, when the sweep had ended before the revision we know.
      const auto now = client.GetSweep(sweep);
      if (now.ok() && HasEnded(now->state())) return status;
    }
    if (connected && !status.ok()) on_connection(connected = false);
    Pause(wait, stop);
    wait = std::min(wait * 2, pause * 20);
  }
}

SweepFeed::SweepFeed(const std::string& server, const proto::Access& access, std::string sweep)
    : client_(server, access),
      sweep_(std::move(sweep)),
      leaderboard_thread_([this](std::stop_token stop) { FetchLeaderboards(stop); }),
      watch_thread_([this](std::stop_token stop) {
        const absl::Status status = FollowSweep(
            client_, sweep_, 0,
            [this](const v1::WatchSweepResponse& change) {
              const std::lock_guard lock(mutex_);
              news_.changes.push_back(change);
              leaderboard_is_stale_ = true;
              changed_.notify_all();
            },
            [this](bool connected) {
              const std::lock_guard lock(mutex_);
              news_.connected = connected;
            },
            stop);
        const std::lock_guard lock(mutex_);
        ended_ = status;
        leaderboard_is_stale_ = true;
        changed_.notify_all();
      }) {}

SweepFeed::~SweepFeed() {
  watch_thread_.request_stop();
  leaderboard_thread_.request_stop();
}

SweepFeed::News SweepFeed::Take() {
  const std::lock_guard lock(mutex_);
  News taken = std::move(news_);
  news_ = News{};
  news_.connected = taken.connected;
  news_.end = taken.end;
  return taken;
}

void SweepFeed::FetchLeaderboards(std::stop_token stop) {
  while (!stop.stop_requested()) {
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return leaderboard_is_stale_; })) return;
      leaderboard_is_stale_ = false;
      last = ended_.has_value();
    }
    auto leaderboard = client_.GetLeaderboard(sweep_, 0);
    {
      const std::lock_guard lock(mutex_);
      if (leaderboard.ok()) news_.leaderboard = *std::move(leaderboard);
      if (last) {
        news_.end = ended_;
        return;
      }
    }
    Pause(kLeaderboardInterval, stop);
  }
}

}  // namespace lorasweep::cli
