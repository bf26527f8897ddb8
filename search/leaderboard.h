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

// One point with all its runs. A point that was trained once is its trial.
struct LeaderboardRow {
  int rank = 0;            // 1 is the best
  std::int64_t trial = 0;  // number of the trial that was proposed
  int runs = 1;            // it and its completed repeats with other seeds
  int diverged = 0;        // repeats that ended infeasible
  // The mean of the runs' last values, and its standard error over validation sequences.
  Estimate value;
  double spread = 0;  // deviation between the runs' last values; 0 for one run
  // Difference to rank 1 at the last step after 0 that both have, paired by sequence; positive is worse. Where anything
  // was repeated its error counts what another seed would change too. Without a common step it is the plain difference
  // of the values, and gap_step is 0.
  Estimate gap;
  std::int64_t gap_step = 0;
  // gap ± margin is a 95 % interval for the gap on fresh sequences, with the choice of rank 1 accounted for (see
  // IntervalReach: its rivals are the points whose gap is within the margin it would have with one rival). 0 without
  // losses per sequence and repeats.
  double margin = 0;
  bool tied_with_best = false;  // |gap| <= margin
  int front = 0;                // with several objectives: the Pareto front, from 1; 0 for points that are on none
  double violation = 0;         // TotalViolation, of the runs' mean
  std::vector<double> others;   // Trial::others, of the runs' mean
};

// Completed points by value, then the others that were evaluated after step 0 by how far they got and their value
// there. Points whose repeats all trained well come before other completed ones: a single run that looks better than
// their means was luckier than they were, or they would not have been chosen before it. With several objectives
// completed points with all of them are first by Pareto front. Points that break a constraint are last, by how much.
// Infeasible, failed and cancelled trials and those without a finite value are left out.
std::vector<LeaderboardRow> Rank(const SweepView& view);

}  // namespace lorasweep::search
