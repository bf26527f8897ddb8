#include "search/algorithms.h"
#include "tests/search/pruner_suite.h"

namespace lorasweep::search {
namespace {

PrunerOptions Options(std::string_view type) {
  return {.type = type, .rung_sequences = {80, 160}};
}

TEST_CASE("Every pruner keeps the contract of pruners", "[search]") {
  for (const char* type : {"none", "asha", "hyperband", "paired", "median", "percentile"}) {
    INFO(type);
    const auto pruner = MakePruner(Options(type));
    REQUIRE(pruner.ok());
    testing::CheckPruner(**pruner);
  }
}

TEST_CASE("Pruners that prune stop the worst of a crowd", "[search]") {
  for (const char* type : {"asha", "hyperband", "paired", "median", "percentile"}) {
    INFO(type);
    testing::CheckTheWorstIsStopped(**MakePruner(Options(type)));
  }
}

TEST_CASE("Without a pruner even a diverged trial goes on", "[search]") {
  testing::Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {testing::At(10, std::nan(""))});
  CHECK((*MakePruner({}))->Judge(sweep.View(), sweep.trials[0]).action == Verdict::Action::kContinue);
}

}  // namespace
}  // namespace lorasweep::search
