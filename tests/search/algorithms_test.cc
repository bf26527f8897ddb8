#include "search/algorithms.h"

#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using testing::MessageOf;

TEST_CASE("An unknown method lists those there are", "[search]") {
  const auto sampler = MakeSampler({.method = "anneal"});
  CHECK(sampler.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(MessageOf(sampler.status()) ==
        "unknown method anneal; methods: auto, bayes, cmaes, gp, grid, random, sobol, tpe");
}

TEST_CASE("Pruner options that make no sense are refused with what is allowed", "[search]") {
  auto error = [](const PrunerOptions& options) {
    const auto pruner = MakePruner(options);
    CHECK(pruner.status().code() == absl::StatusCode::kInvalidArgument);
    return MessageOf(pruner.status());
  };
  CHECK(error({.type = "halving"}) ==
        "unknown pruner halving; pruners: asha, extrapolation, hyperband, median, none, paired, pasha, percentile");
  CHECK(error({.type = "asha", .rung_sequences = {80, 80}}) == "asha: rungs must ascend, but 80 follows 80");
  CHECK(error({.type = "asha", .rung_sequences = {0}}).find("must be 1 sequence or more") != std::string::npos);
  CHECK(error({.type = "asha", .eta = 1}) == "asha: eta 1.0 must be above 1");
  CHECK(error({.type = "asha", .eta = std::nan("")}).find("eta") != std::string::npos);
  CHECK(error({.type = "median", .min_trials = 0}).find("min_trials") != std::string::npos);
  CHECK(error({.type = "median", .min_sequences = -1}).find("min_sequences") != std::string::npos);
  CHECK(error({.type = "paired", .standard_errors = -1}) == "paired: standard_errors -1.0 must be 0 or more");
  CHECK(error({.type = "paired", .keep = -1}) == "paired: keep -1 must be 0 or more");
  CHECK(error({.type = "percentile", .keep = -1}) == "percentile: keep -1 must be 0 or more");
  CHECK(error({.type = "percentile", .percentile = 0}) == "percentile: percentile 0.0 must be above 0 and at most 100");
  CHECK(error({.worst_value = std::nan("")}) == "none: worst_value must be a number");
  CHECK(error({.patience = -1}) == "none: patience -1 must be 0 or more");
  CHECK(error({.min_gain = -1}) == "none: min_gain -1.0 must be 0 or more");
  CHECK(error({.full_sequences = -1}).find("full_sequences") != std::string::npos);
}

}  // namespace
}  // namespace lorasweep::search
