#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "search/trial.h"

namespace lorasweep::bench {

// Each prints a table of how often 95 % intervals hold what they promise: those of differences between two trials
// chosen beforehand, and those of gaps to the trial that came out best, by the leaderboard's margins and as if the best
// had been chosen beforehand.

// Trials made up: the truth is known.
void PrintGeneratedCoverage();

// Recorded runs, by seed: intervals from a quarter of the validation sequences, against the differences on the others.
void PrintRecordedCoverage(const std::map<std::int64_t, std::vector<search::Trial>>& seeds);

}  // namespace lorasweep::bench
