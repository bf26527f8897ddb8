#pragma once

#include <cstdint>

#include "search/pruner.h"

namespace lorasweep::search {

// Stops a trial whose best value so far is worse than the median of the others' best values at the same point of
// training (the median rule of Vizier: Golovin et al. 2017, §3.2.2). Others count, running or not, when they have come
// as far; what they did later does not. The untrained model's evaluation is nobody's best. Infeasible trials count as
// worse than any number; failed and cancelled ones as what they reached.
class MedianPruner : public Pruner {
 public:
  // Never judges before `min_sequences`, nor with fewer than `min_trials` (at least 1) others at the point, nor a trial
  // that has reached `full_sequences` (0: unknown).
  MedianPruner(std::int64_t min_sequences, std::int64_t min_trials, std::int64_t full_sequences);

  Verdict Judge(const SweepView& view, const Trial& trial) const override;

 private:
  const std::int64_t min_sequences_;
  const std::int64_t min_trials_;
  const std::int64_t full_sequences_;
};

}  // namespace lorasweep::search
