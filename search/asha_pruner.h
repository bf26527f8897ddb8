#pragma once

#include <cstdint>
#include <vector>

#include "search/pruner.h"

namespace lorasweep::search {

// Asynchronous successive halving (Li et al. 2020), the stopping form, with Determined's bookkeeping: a trial's value
// at a rung is that of its first evaluation at or beyond it, and one evaluation may clear several rungs, each of which
// judges it in turn. A trial goes on when fewer than max(floor(n / eta), 1) of the n trials seen at the rung so far are
// better. Infeasible trials and values that are not finite count as worse than any number; an infeasible trial counts
// at the rung it was on its way to as well. A value that is not finite ends the trial anywhere.
class AshaPruner : public Pruner {
 public:
  // rungs: ascending, in training sequences. eta > 1. A trial at `full_sequences` (0: unknown) is done and not judged.
  AshaPruner(std::vector<std::int64_t> rungs, double eta, std::int64_t full_sequences);

  Verdict Judge(const SweepView& view, const Trial& trial) const override;

 private:
  Verdict JudgeRung(const SweepView& view, const Trial& trial, std::size_t rung) const;

  const std::vector<std::int64_t> rungs_;
  const double eta_;
  const std::int64_t full_sequences_;
};

}  // namespace lorasweep::search
