#pragma once

#include <cstdint>
#include <vector>

#include "search/pruner.h"

namespace lorasweep::search {

struct AshaOptions {
  std::vector<std::int64_t> rungs = {};  // ascending, in training sequences
  double eta = 3;                        // above 1: the best 1/eta of a rung go on
  std::int64_t keep = 1;                 // and the best so many in any case, at least 1
  // A trial is only stopped when it is worse than the rung's best by more than so many standard errors of their paired
  // difference.
  double standard_errors = 0;
  std::int64_t full_sequences = 0;  // a trial that has seen as many (0: unknown) is done and not judged
};

// Asynchronous successive halving (Li et al. 2020), the stopping form, with Determined's bookkeeping: a trial's value
// at a rung is that of its first evaluation at or beyond it, and one evaluation may clear several rungs, each of which
// judges it in turn. A trial goes on when fewer than max(floor(n / eta), keep) of the n trials seen at the rung so far
// are better. Infeasible trials and values that are not finite count as worse than any number; an infeasible trial
// counts at the rung it was on its way to as well. A value that is not finite ends the trial anywhere.
//
// With standard_errors above 0 it is the paired form: halving's ranking alone would stop trials on noise, though two
// trials scored on the same sequences can be told apart far better than their losses' spread suggests. Where
// evaluations carry no losses by sequence there is no such error, and the ranking decides alone.
class AshaPruner : public Pruner {
 public:
  explicit AshaPruner(AshaOptions options);

  Verdict Judge(const SweepView& view, const Trial& trial) const override;

 private:
  Verdict JudgeRung(const SweepView& view, const Trial& trial, std::size_t rung) const;

  const AshaOptions options_;
};

}  // namespace lorasweep::search
