#include "search/algorithms.h"

#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using testing::MakeSpace;
using testing::MessageOf;
using testing::SuggestionOf;
using testing::Sweep;

TEST_CASE("An unknown method lists those there are", "[search]") {
  const auto sampler = MakeSampler("anneal");
  CHECK(sampler.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(MessageOf(sampler.status()) == "unknown method anneal; methods: auto, bayes, grid, random, tpe");
}

TEST_CASE("The automatic method walks a tiny grid and models anything larger", "[search]") {
  const auto sampler = MakeSampler("auto");
  const Sweep tiny{MakeSpace({{"a", IntDomain{1, 10, false, 1}}}), {}};
  CHECK(SuggestionOf((*sampler)->Suggest(tiny.View(), 1)).reason ==
        "So small a space is searched whole. Point 1 of 10 of the grid.");
  const Sweep larger{MakeSpace({{"a", IntDomain{1, 11, false, 1}}}), {}};
  CHECK(SuggestionOf((*sampler)->Suggest(larger.View(), 1)).reason.find("TPE") != std::string::npos);
  const Sweep continuous{testing::LoraSpace(), {}};
  CHECK(SuggestionOf((*sampler)->Suggest(continuous.View(), 1)).reason.find("TPE") != std::string::npos);
}

TEST_CASE("Pruner options that make no sense are refused with what is allowed", "[search]") {
  auto error = [](const PrunerOptions& options) {
    const auto pruner = MakePruner(options);
    CHECK(pruner.status().code() == absl::StatusCode::kInvalidArgument);
    return MessageOf(pruner.status());
  };
  CHECK(error({.type = "halving"}) == "unknown pruner halving; pruners: asha, hyperband, median, none");
  CHECK(error({.type = "asha", .rung_sequences = {80, 80}}) == "asha: rungs must ascend, but 80 follows 80");
  CHECK(error({.type = "asha", .rung_sequences = {0}}).find("must be 1 sequence or more") != std::string::npos);
  CHECK(error({.type = "asha", .eta = 1}) == "asha: eta 1.0 must be above 1");
  CHECK(error({.type = "asha", .eta = std::nan("")}).find("eta") != std::string::npos);
  CHECK(error({.type = "median", .min_trials = 0}).find("min_trials") != std::string::npos);
  CHECK(error({.type = "median", .min_sequences = -1}).find("min_sequences") != std::string::npos);
  CHECK(error({.full_sequences = -1}).find("full_sequences") != std::string::npos);
}

}  // namespace
}  // namespace lorasweep::search
