#include "search/percentile_pruner.h"

#include <cmath>

#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using Action = Verdict::Action;
using testing::At;
using testing::Sweep;

PercentilePruner Median(std::int64_t min_sequences, std::int64_t min_trials, std::int64_t full_sequences) {
  return PercentilePruner({.min_sequences = min_sequences, .min_trials = min_trials, .full_sequences = full_sequences});
}

Verdict JudgeLast(const Sweep& sweep, const PercentilePruner& pruner = Median(0, 3, 0)) {
  return pruner.Judge(sweep.View(), sweep.trials.back());
}

Sweep ThreeOthers() {
  Sweep sweep;
  sweep.AddCurve(TrialState::kCompleted, {At(0, 5.0), At(10, 2.0), At(20, 1.0)});
  sweep.AddCurve(TrialState::kRunning, {At(0, 5.0), At(10, 3.0)});
  sweep.AddCurve(TrialState::kPruned, {At(0, 5.0), At(10, 4.0)});
  return sweep;
}

TEST_CASE("A trial worse than the median of the others at its point is stopped", "[search][median]") {
  Sweep sweep = ThreeOthers();
  sweep.AddCurve(TrialState::kRunning, {At(0, 5.0), At(10, 3.1)});
  const Verdict verdict = JudgeLast(sweep);
  CHECK(verdict.action == Action::kStop);
  CHECK(verdict.reason == "best value so far 3.1000, 0.1000 worse than the median of 3 other trials at 80 sequences");
  sweep.trials.back().curve = {At(0, 5.0), At(10, 3.0)};
  CHECK(JudgeLast(sweep).action == Action::kContinue);
}

TEST_CASE("What counts is the best so far, and not the untrained model", "[search][median]") {
  Sweep sweep = ThreeOthers();
  sweep.AddCurve(TrialState::kRunning, {At(0, 0.1), At(5, 2.5), At(10, 9.0)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);
  sweep.trials.back().curve = {At(0, 0.1), At(5, 8.5), At(10, 9.0)};
  CHECK(JudgeLast(sweep).action == Action::kStop);
  sweep.trials.back().curve = {At(0, 9.0)};
  CHECK(JudgeLast(sweep).action == Action::kContinue);
}

TEST_CASE("Only trials that came as far count", "[search][median]") {
  Sweep sweep = ThreeOthers();
  sweep.AddCurve(TrialState::kRunning, {At(0, 5.0), At(20, 9.0)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);
  CHECK(JudgeLast(sweep, Median(0, 1, 0)).action == Action::kStop);
}

TEST_CASE("What others reached later does not count", "[search][median]") {
  Sweep sweep;
  for (int i = 0; i < 3; ++i) sweep.AddCurve(TrialState::kCompleted, {At(10, 5.0), At(20, 1.0)});
  sweep.AddCurve(TrialState::kRunning, {At(12, 4.0)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);
}

TEST_CASE("The median of an even number lies between the middle two", "[search][median]") {
  Sweep sweep = ThreeOthers();
  sweep.AddCurve(TrialState::kRunning, {At(10, 3.5)});
  sweep.AddCurve(TrialState::kRunning, {At(10, 3.3)});
  CHECK(JudgeLast(sweep).action == Action::kStop);  // median of 2, 3, 3.5, 4 is 3.25
  sweep.trials.back().curve = {At(10, 3.2)};
  CHECK(JudgeLast(sweep).action == Action::kContinue);
}

TEST_CASE("Nothing is judged too early, with too few others, or at full length", "[search][median]") {
  Sweep sweep = ThreeOthers();
  sweep.AddCurve(TrialState::kRunning, {At(10, 9.0)});
  CHECK(JudgeLast(sweep, Median(81, 3, 0)).action == Action::kContinue);
  CHECK(JudgeLast(sweep, Median(80, 3, 0)).action == Action::kStop);
  CHECK(JudgeLast(sweep, Median(0, 4, 0)).action == Action::kContinue);
  CHECK(JudgeLast(sweep, Median(0, 3, 80)).action == Action::kContinue);
}

TEST_CASE("Infeasible and diverged trials count as worse than any number", "[search][median]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kInfeasible, {At(10, 0.1)});
  sweep.AddCurve(TrialState::kPruned, {At(10, std::nan(""))});
  sweep.AddCurve(TrialState::kCompleted, {At(10, 1.0)});
  sweep.AddCurve(TrialState::kRunning, {At(10, 9.0)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);
  sweep.trials.back().curve = {At(10, std::nan(""))};
  CHECK(JudgeLast(sweep).action == Action::kStop);
  CHECK(JudgeLast(sweep, Median(100, 3, 0)).action == Action::kContinue);
}

TEST_CASE("A percentile keeps as many percent of the best as it says", "[search][median]") {
  Sweep sweep;
  for (int i = 0; i <= 20; ++i) sweep.AddCurve(TrialState::kCompleted, {At(10, i)});
  sweep.AddCurve(TrialState::kRunning, {At(10, 5.0)});
  auto judge = [&](double percentile, std::int64_t keep) {
    return JudgeLast(sweep, PercentilePruner({.percentile = percentile, .keep = keep}));
  };
  CHECK(judge(25, 0).action == Action::kContinue);
  CHECK(judge(24, 0).action == Action::kStop);
  CHECK(judge(24, 0).reason ==
        "best value so far 5.0000, 0.2000 worse than the best 24 % of 21 other trials at 80 "
        "sequences");
  CHECK(judge(1, 5).action == Action::kStop);
  CHECK(judge(1, 6).action == Action::kContinue);
  CHECK(judge(100, 0).action == Action::kContinue);
}

}  // namespace
}  // namespace lorasweep::search
