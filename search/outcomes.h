#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "search/sweep_view.h"

namespace lorasweep::search {

// What samplers make of the trials of a view, as one number each. Borrows the view.
class Outcomes {
 public:
  explicit Outcomes(const SweepView& view);

  // A completed trial's last value; +infinity for an infeasible one and for values that are not finite. A pruned trial
  // counts with what it would have come to: its last value plus the median gain of the completed trials from there on,
  // but no better than the best completed trial. Nullopt for trials that are not over, that failed or were cancelled.
  //
  // Linear in the number of completed trials for each place at which trials were pruned, else constant.
  std::optional<double> LossOf(const Trial& trial);

 private:
  double FinalLoss(const Evaluation& last);
  double MedianGain(std::int64_t sequences);

  std::vector<const Trial*> completed_;  // with a finite value
  double best_;
  std::map<std::int64_t, double> gains_;  // found so far
};

}  // namespace lorasweep::search
