#pragma once

#include <string>

#include "lorasweep/v1/sweep.pb.h"

// People's votes on which of two answers is better, as measurements of a trial. Pure.
namespace lorasweep::cli {

inline constexpr char kVotesAgainstBase[] = "eval/votes";
inline constexpr char kVotesAgainstTrials[] = "eval/votes_against_trials";

// What became of one comparison for the trial.
enum class Vote { kLost, kTied, kWon };

// The share of comparisons that it won, a tie for half of one, with Wilson's interval, which takes the worse side of a
// half; against the base with the base's share beside it. `before`: the measurement with earlier votes, or null.
v1::Measurement AddVote(const v1::Measurement* before, const std::string& metric, Vote vote);

}  // namespace lorasweep::cli
