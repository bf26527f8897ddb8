#pragma once

#include <cstdint>
#include <vector>

#include "search/sweep_view.h"

namespace lorasweep::search {

// A number with its standard error.
struct Estimate {
  double value = 0;
  double stderr_ = 0;
};

// Mean loss per supervised token and its standard error over validation sequences (ratio estimator: sequences are the
// sampling units; Cochran, Sampling Techniques, §6.3). stderr_ 0 where there are no per-sequence losses.
Estimate MeanLoss(const Evaluation& evaluation);

// Mean loss of `a` minus that of `b` on the same sequences, with the standard error of the paired difference, which is
// far smaller than that of either mean. Both must be over the same sequences (same sequence_tokens); without
// per-sequence losses it is the plain difference with stderr_ 0.
Estimate PairedDifference(const Evaluation& a, const Evaluation& b);

struct LeaderboardRow {
  int rank = 0;            // 1 is the best
  std::int64_t trial = 0;  // number
  Estimate value;          // at its last evaluation
  // Paired difference to rank 1 at the last step after 0 that both have; positive is worse. Without a common step it is
  // the plain difference of the values, and gap_step is 0.
  Estimate gap;
  std::int64_t gap_step = 0;
  bool tied_with_best = false;  // |gap| <= 2 standard errors
  int front = 0;                // with several objectives: the Pareto front, from 1; 0 for trials that are on none
  double violation = 0;         // TotalViolation
};

// Completed trials by value, then the others that were evaluated after step 0 by how far they got and their value
// there. With several objectives completed trials with all of them are first by Pareto front, then by value. Trials
// that break a constraint are last, by how much. Infeasible, failed and cancelled trials and those without a finite
// value are left out.
std::vector<LeaderboardRow> Rank(const SweepView& view);

}  // namespace lorasweep::search
