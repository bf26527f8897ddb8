#pragma once

#include <cstdint>

#include "search/pruner.h"

namespace lorasweep::search {

struct PercentileOptions {
  double percentile = 50;           // in (0, 100]: the best so many percent of the others are the ones to match
  std::int64_t keep = 0;            // a trial among the best so many at its point is never stopped
  std::int64_t min_sequences = 0;   // never judges before
  std::int64_t min_trials = 1;      // nor with fewer others at the point; at least 1
  std::int64_t full_sequences = 0;  // nor a trial that has seen as many (0: unknown)
};

// Stops a trial whose best value so far is worse than a percentile of the others' best values at the same point of
// training: with the 50th, the median rule of Vizier (Golovin et al. 2017, §3.2.2). Percentiles between two values are
// interpolated. Others count, running or not, when they have come as far; what they did later does not. The untrained
// model's evaluation is nobody's best. Infeasible trials count as worse than any number; failed and cancelled ones as
// what they reached. With several objectives, one that is not known to be no worse in all the others counts as worse
// than any number.
class PercentilePruner : public Pruner {
 public:
  explicit PercentilePruner(const PercentileOptions& options) : options_(options) {}

  Verdict Judge(const SweepView& view, const Trial& trial) const override;

 private:
  const PercentileOptions options_;
};

}  // namespace lorasweep::search
