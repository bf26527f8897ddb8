#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"
#include "lorasweep/v1/sweep_service.pb.h"

namespace lorasweep::cli {

// How a sweep went, in lines for people: the leaderboard's top, the base model against the best, what the best is and
// how sure that is, what pruning saved, and where the best adapter lies ("" where there is none). Pure.
std::vector<std::string> RenderRunReport(const v1::GetLeaderboardResponse& leaderboard, const std::string& best_adapter,
                                         const Terminal& terminal);

// "validation loss: base model 1.0432, best 0.8217 ± 0.0006 (trial 9, 21 % lower)"
std::string BaseAgainstBest(const v1::GetLeaderboardResponse& leaderboard);

// What the first of the leaderboard is, why it was tried, what its repeats say, and which others it cannot be told
// from:
//   trial 9: lr 3.1e-4 · rank 32. Log expected improvement …
//   trained 3 times with different seeds: the runs lie 0.0011 apart (standard deviation)
//   as good as trials 4 and 7 for all that can be told (95 %); ahead of trial 11 by 0.0084 ± 0.0006
std::vector<std::string> ExplainBest(const v1::GetLeaderboardResponse& leaderboard);

// "8 of 24 trials pruned, which saved 512 of 2,880 steps (18 %)"
std::string WhatPruningSaved(const v1::GetLeaderboardResponse& leaderboard);

}  // namespace lorasweep::cli
