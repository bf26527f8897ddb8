#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

// Trials are compared with each other, so all of a sweep's are trained on the same files of the base model: those of
// the worker that told theirs first. Pure.
namespace lorasweep::server {

// What a worker told of its base model, against the sweep's.
enum class BaseMatch {
  kUntold,  // it said nothing
  kFirst,   // nobody did before: the sweep's is this one from now on
  kSame,
  kOther,
};
// Both are content hashes, empty where none was told.
BaseMatch MatchBase(std::string_view sweeps, std::string_view told);

// That a worker has other files than a sweep's.
struct BaseRefusal {
  std::string reason;
  int times = 0;
  absl::Duration until = -absl::InfiniteDuration();  // Clock::Steady; it gets no trials of the sweep before

  // Once more, at `now`. What it held at the same time counts once.
  void Add(std::string_view why, absl::Duration now);
};

// How long the worker is not asked after so many refusals, 1 at least: half a minute and twice as long each time, up to
// a quarter of an hour, so that one that was repaired comes back by itself.
absl::Duration BaseWait(int times);

// What a sweep says that only such workers could serve: "waits for a worker with …".
std::string WaitsForBase(std::string_view model, std::string_view sweeps, const std::vector<std::string>& workers);

}  // namespace lorasweep::server
