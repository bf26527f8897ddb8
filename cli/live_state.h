#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/display_text.h"
#include "lorasweep/v1/sweep_service.pb.h"

namespace lorasweep::cli {

// Something that happened, in a sentence: "trial 3 pruned at step 6: …".
struct LiveEvent {
  std::string text;
  Style style = Style::kPlain;
  bool progress = false;  // an evaluation: worth a line in a log, but not beside a live curve
};

struct LiveTrial {
  v1::Trial trial;
  std::vector<double> curve;  // the sweep's metric in order of steps
};

// What is known of a sweep while it is watched. Fed by WatchSweep's changes; pure, time is an argument.
class LiveState {
 public:
  // Changes up to `quiet_until` (a revision) were there before the watch began and make no events.
  explicit LiveState(std::int64_t quiet_until = 0) : quiet_until_(quiet_until) {}

  // Takes a change in; what is new about it, in sentences. `now`: seconds, of any steady clock.
  std::vector<LiveEvent> Apply(const v1::WatchSweepResponse& change, double now);
  void SetLeaderboard(v1::GetLeaderboardResponse leaderboard) { leaderboard_ = std::move(leaderboard); }
  void AddEvent(LiveEvent event);
  // The moment from which on the server is away; nullopt: it is there.
  void SetAwaySince(std::optional<double> moment) { away_since_ = moment; }

  const v1::Sweep& sweep() const { return sweep_; }
  const std::map<std::int64_t, LiveTrial>& trials() const { return trials_; }
  const v1::GetLeaderboardResponse& leaderboard() const { return leaderboard_; }
  // Oldest first, at most 50, without progress.
  const std::deque<LiveEvent>& events() const { return events_; }
  std::optional<double> away_since() const { return away_since_; }

  // Trials that ended, however.
  std::int64_t EndedTrials() const;
  // Seconds until the last planned trial ends, if trials go on to last as long on average as those that ended and work
  // goes on at the pace seen since the first change. Nullopt while unknown, paused or unlimited.
  std::optional<double> SecondsLeft(double now) const;

 private:
  // Work done so far, in full-length trials.
  double Work() const;

  std::int64_t quiet_until_;
  v1::Sweep sweep_;
  std::map<std::int64_t, LiveTrial> trials_;
  v1::GetLeaderboardResponse leaderboard_;
  std::deque<LiveEvent> events_;
  std::optional<double> away_since_;
  std::optional<double> pace_from_;  // time at which work_then_ was done
  double work_then_ = 0;
};

}  // namespace lorasweep::cli
