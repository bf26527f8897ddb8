#pragma once

#include <cmath>

#include "search/pruner.h"
#include "tests/search/support.h"

// What every pruner must do. Call with each implementation, set to rungs at 80 and 160 sequences where it has rungs.
namespace lorasweep::search::testing {

// Twelve trials of mixed fates with values that spread.
inline Sweep MixedSweep() {
  static constexpr TrialState kStates[] = {TrialState::kCompleted, TrialState::kPruned,     TrialState::kRunning,
                                           TrialState::kPaused,    TrialState::kInfeasible, TrialState::kFailed};
  Sweep sweep;
  for (int i = 0; i < 12; ++i) {
    const double value = 2 + 0.1 * ((7 * i) % 12);
    std::vector<Evaluation> curve = {At(0, 3.0), At(10, value), At(20, value - 0.1)};
    if (i % 4 == 3) curve.pop_back();
    if (i == 9) curve.back().value = std::nan("");
    sweep.AddCurve(kStates[i % 6], std::move(curve));
  }
  return sweep;
}

inline void CheckVerdictsArePure(const Pruner& pruner) {
  const Sweep sweep = MixedSweep();
  for (const Trial& trial : sweep.trials) {
    const Verdict first = pruner.Judge(sweep.View(), trial);
    const Verdict second = pruner.Judge(sweep.View(), trial);
    CHECK(first.action == second.action);
    CHECK(first.reason == second.reason);
    if (first.action != Verdict::Action::kContinue) CHECK_FALSE(first.reason.empty());
  }
}

inline void CheckFinishedTrialsAreLeftAlone(const Pruner& pruner) {
  const Sweep sweep = MixedSweep();
  for (const Trial& trial : sweep.trials) {
    if (IsFinal(trial.state)) CHECK(pruner.Judge(sweep.View(), trial).action == Verdict::Action::kContinue);
  }
}

inline void CheckTheBestIsNeverStopped(const Pruner& pruner) {
  Sweep sweep = MixedSweep();
  sweep.AddCurve(TrialState::kRunning, {At(0, 3.0)});
  for (const std::int64_t step : {10, 20, 40}) {
    sweep.trials.back().curve.push_back(At(step, 1.0 - 0.001 * static_cast<double>(step)));
    CHECK(pruner.Judge(sweep.View(), sweep.trials.back()).action == Verdict::Action::kContinue);
  }
}

inline void CheckAloneIsNeverStopped(const Pruner& pruner) {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {});
  CHECK(pruner.Judge(sweep.View(), sweep.trials[0]).action == Verdict::Action::kContinue);
  for (int step = 0; step <= 40; step += 10) {
    sweep.trials[0].curve.push_back(At(step, step));
    CHECK(pruner.Judge(sweep.View(), sweep.trials[0]).action == Verdict::Action::kContinue);
  }
}

// Judging reads the field and the trial, not who stands where: numbers decide nothing but names.
inline void CheckOrderOfTrialsDoesNotMatter(const Pruner& pruner) {
  const Sweep sweep = MixedSweep();
  Sweep reversed;
  for (auto trial = sweep.trials.rbegin(); trial != sweep.trials.rend(); ++trial)
    reversed.AddCurve(trial->state, trial->curve);
  for (std::size_t i = 0; i < sweep.trials.size(); ++i) {
    CHECK(pruner.Judge(sweep.View(), sweep.trials[i]).action ==
          pruner.Judge(reversed.View(), reversed.trials[sweep.trials.size() - 1 - i]).action);
  }
}

inline void CheckPruner(const Pruner& pruner) {
  CheckVerdictsArePure(pruner);
  CheckFinishedTrialsAreLeftAlone(pruner);
  CheckTheBestIsNeverStopped(pruner);
  CheckAloneIsNeverStopped(pruner);
  CheckOrderOfTrialsDoesNotMatter(pruner);
}

// For pruners that prune: the worst of a crowd is stopped at 80 sequences.
inline void CheckTheWorstIsStopped(const Pruner& pruner) {
  Sweep sweep = MixedSweep();
  sweep.AddCurve(TrialState::kRunning, {At(0, 3.0), At(10, 99.0)});
  CHECK(pruner.Judge(sweep.View(), sweep.trials.back()).action == Verdict::Action::kStop);
}

}  // namespace lorasweep::search::testing
