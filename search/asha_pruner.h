#pragma once

#include <cstdint>
#include <vector>

#include "search/pruner.h"

namespace lorasweep::search {

struct AshaOptions {
  std::vector<std::int64_t> rungs = {};  // ascending, in training sequences
  double eta = 3;                        // above 1: the best 1/eta of a rung go on
  std::int64_t keep = 1;                 // and the best so many in any case; at least 1 unless `promote`
  // A trial is only stopped when it is worse than the rung's best by more than so many standard errors of their paired
  // difference.
  double standard_errors = 0;
  std::int64_t full_sequences = 0;  // a trial that has seen as many (0: unknown) is done and not judged
  bool promote = false;             // trials that do not go on are paused, and judged again whenever a worker is free
  bool grow = false;                // with promote: no trial goes beyond the rung that is needed to tell the best apart
  std::int64_t brackets = 1;        // halvings that trials are dealt over; the k-th begins at the k-th rung
};

// Asynchronous successive halving (Li et al. 2020) with Determined's bookkeeping: a trial's value at a rung is that of
// its first evaluation at or beyond it, and one evaluation may clear several rungs, each of which judges it in turn.
// Infeasible trials and values that are not finite count as worse than any number; an infeasible trial counts at the
// rung it was on its way to as well. A value that is not finite ends the trial anywhere.
//
// The stopping form: a trial goes on when fewer than max(floor(n / eta), keep) of the n trials seen at the rung so far
// are better, else it is stopped.
// The promoting form: else it is paused, and goes on once more results make it one of the best floor(n / eta). When all
// trials were proposed, nothing runs and none has completed, the best of those that came farthest goes on.
//
// With standard_errors above 0 it is the paired form: halving's ranking alone would stop trials on noise, though two
// trials scored on the same sequences can be told apart far better than their losses' spread suggests. Where
// evaluations carry no losses by sequence there is no such error, and the ranking decides alone.
//
// With several objectives a trial is only behind one that is better and known to be no worse in any other objective.
//
// grow: PASHA (Bohdal et al. 2023). The highest rung in use is the second; the next one comes into use when two trials
// of the highest have changed places since the rung before by more than their standard errors there.
//
// brackets: Hyperband's (Li et al. 2018). Trials are dealt by their numbers so that every halving costs about as much,
// and compete within theirs.
class AshaPruner : public Pruner {
 public:
  explicit AshaPruner(AshaOptions options);

  Verdict Judge(const SweepView& view, const Trial& trial) const override;

  // The bracket of a trial, from 0 to brackets - 1.
  std::size_t BracketOf(std::int64_t number) const;

 private:
  Verdict JudgeRung(const SweepView& view, const Trial& trial, std::size_t rung, std::size_t highest) const;
  Verdict::Action Halt() const { return options_.promote ? Verdict::Action::kPause : Verdict::Action::kStop; }
  // The highest rung that trials may clear; as many as there are rungs where the last may be.
  std::size_t HighestRung(const SweepView& view) const;
  bool Consistent(const SweepView& view, std::size_t rung) const;

  const AshaOptions options_;
  std::vector<double> shares_;  // of each bracket, cumulative
};

}  // namespace lorasweep::search
