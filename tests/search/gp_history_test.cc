#include "search/gp_history.h"

#include <cmath>

#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::At;
using testing::MakeSpace;
using testing::Sweep;

Sweep OneParameter() {
  return {MakeSpace({{"x", FloatDomain{0, 10000, false, 0}}}), {}};
}

// x is the trial's number, so that coordinates name trials.
void Add(Sweep* sweep, TrialState state, std::vector<Evaluation> curve) {
  sweep->Add(state, {{"x", static_cast<double>(sweep->trials.size())}}, std::move(curve));
}

GpHistory Collect(const Sweep& sweep) {
  return CollectOutcomes(sweep.View(), UnitSpace(sweep.space));
}

std::vector<double> Losses(const GpHistory& history) {
  std::vector<double> losses;
  for (const GpHistory::Outcome& outcome : history.outcomes) losses.push_back(outcome.loss);
  return losses;
}

TEST_CASE("Outcomes are last values; bad points without a number are infinitely bad", "[search][gp]") {
  Sweep sweep = OneParameter();
  Add(&sweep, TrialState::kCompleted, {At(10, 3.0), At(20, 2.0)});
  Add(&sweep, TrialState::kInfeasible, {At(10, 1.0)});
  Add(&sweep, TrialState::kCompleted, {At(10, std::nan(""))});
  Add(&sweep, TrialState::kInfeasible, {});
  Add(&sweep, TrialState::kFailed, {At(10, 1.0)});
  Add(&sweep, TrialState::kCancelled, {At(10, 1.0)});
  sweep.Add(TrialState::kCompleted, {{"x", -5.0}}, {At(10, 1)});
  Add(&sweep, TrialState::kRunning, {At(10, 1.0)});
  Add(&sweep, TrialState::kQueued, {});
  const GpHistory history = Collect(sweep);
  CHECK(Losses(history) == std::vector<double>{2.0, INFINITY, INFINITY, INFINITY});
  CHECK(history.outcomes.size() == 4);
  REQUIRE(history.pending.size() == 2);
  CHECK(history.pending[0][0] == Approx(7e-4));
}

TEST_CASE("A pruned trial counts with what it would have come to", "[search][gp]") {
  Sweep sweep = OneParameter();
  Add(&sweep, TrialState::kPruned, {At(10, 3.5)});
  CHECK(Collect(sweep).outcomes[0].loss == 3.5);  // nobody has shown what is gained later
  Add(&sweep, TrialState::kCompleted, {At(10, 3.0), At(20, 2.5), At(40, 2.0)});
  Add(&sweep, TrialState::kCompleted, {At(10, 3.2), At(20, 2.9), At(40, 2.5)});
  Add(&sweep, TrialState::kCompleted, {At(10, 3.1), At(20, 3.0), At(40, 2.9)});
  Add(&sweep, TrialState::kPruned, {At(10, 3.4), At(20, 3.3)});
  Add(&sweep, TrialState::kPruned, {At(20, 2.1)});
  Add(&sweep, TrialState::kPruned, {At(10, std::nan(""))});
  const GpHistory history = Collect(sweep);
  CHECK(history.outcomes[0].loss == Approx(3.5 - 0.7));
  CHECK(history.outcomes[4].loss == Approx(3.3 - 0.4));
  CHECK(history.outcomes[5].loss == 2.0);  // it was stopped, so it is not believed to beat the best
  CHECK(history.outcomes[6].loss == INFINITY);
}

TEST_CASE("Of a long history the best and the newest outcomes are kept", "[search][gp]") {
  Sweep sweep = OneParameter();
  for (int i = 0; i < 3000; ++i) Add(&sweep, TrialState::kCompleted, {At(10, std::abs(i - 500))});
  for (int i = 0; i < 200; ++i) Add(&sweep, TrialState::kRunning, {});
  const GpHistory history = Collect(sweep);
  CHECK(history.outcomes.size() == kMostObserved);
  CHECK(history.outcomes[kMostObserved / 4].loss == 0);
  CHECK(history.outcomes[kMostObserved / 2].loss == 2244);
  CHECK(history.outcomes.back().loss == 2499);
  CHECK(history.pending.size() == kMostPending);
  CHECK(history.pending.back()[0] == Approx(0.3199));
}

}  // namespace
}  // namespace lorasweep::search
