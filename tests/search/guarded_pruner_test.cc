#include "search/guarded_pruner.h"

#include <cmath>

#include "search/algorithms.h"
#include "tests/search/pruner_suite.h"

namespace lorasweep::search {
namespace {

using Action = Verdict::Action;
using testing::At;
using testing::Sweep;

Verdict JudgeLast(const Sweep& sweep, const PrunerOptions& options) {
  return (*MakePruner(options))->Judge(sweep.View(), sweep.trials.back());
}

TEST_CASE("A trial worse than the worst value allowed is stopped, whatever the rule", "[search][guards]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {At(0, 9.0), At(10, 5.25)});
  for (const char* type : {"none", "asha", "median"}) {
    const PrunerOptions options{.type = type, .worst_value = 5};
    CHECK(JudgeLast(sweep, options).action == Action::kStop);
    CHECK(JudgeLast(sweep, options).reason == "0.2500 worse than the worst value allowed");
  }
  CHECK(JudgeLast(sweep, {.worst_value = 5.25}).action == Action::kContinue);
  CHECK(JudgeLast(sweep, {.min_sequences = 81, .worst_value = 5}).action == Action::kContinue);
  CHECK(JudgeLast(sweep, {.full_sequences = 80, .worst_value = 5}).action == Action::kContinue);
  sweep.trials.back().curve.back().value = std::nan("");
  CHECK(JudgeLast(sweep, {.worst_value = 5}).reason == "the value at step 10 is nan");
}

TEST_CASE("A trial without a gain for as long as patience lasts is stopped", "[search][guards]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {At(0, 5.0), At(10, 3.0), At(20, 3.1), At(30, 2.99)});
  CHECK(JudgeLast(sweep, {.patience = 2}).action == Action::kContinue);
  CHECK(JudgeLast(sweep, {.patience = 2, .min_gain = 0.05}).action == Action::kStop);
  CHECK(JudgeLast(sweep, {.patience = 2, .min_gain = 0.05}).reason == "no gain in the last 2 evaluations over step 10");
  CHECK(JudgeLast(sweep, {.patience = 3, .min_gain = 0.05}).action == Action::kContinue);
  CHECK(JudgeLast(sweep, {.patience = 4}).action == Action::kContinue);  // there are not as many yet
  sweep.trials.back().curve.push_back(At(40, std::nan("")));
  CHECK(JudgeLast(sweep, {.patience = 1}).action == Action::kStop);
}

TEST_CASE("Guarded rules still judge what the guards let pass", "[search][guards]") {
  const PrunerOptions options{.type = "asha", .rung_sequences = {80, 160}, .worst_value = 1000, .patience = 50};
  const auto pruner = MakePruner(options);
  REQUIRE(pruner.ok());
  testing::CheckPruner(**pruner);
  testing::CheckTheWorstIsStopped(**pruner);
}

}  // namespace
}  // namespace lorasweep::search
