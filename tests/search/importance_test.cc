#include "search/importance.h"

#include <cmath>
#include <map>

#include "search/random_sampler.h"
#include "tests/search/reference.h"
#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using nlohmann::json;
using testing::At;
using testing::MakeSpace;
using testing::NumberOf;
using testing::Reference;
using testing::RunSweep;
using testing::Sweep;

TEST_CASE("Importances are those of Optuna's PED-ANOVA", "[search][importance]") {
  std::vector<Value> ranks;
  for (std::int64_t i = 0; i < 5; ++i) ranks.emplace_back(i);
  const Space space = MakeSpace(
      {{"dropout", FloatDomain{0, 0.5, false, 0.05}},
       {"learning_rate", FloatDomain{1e-5, 1e-2, true, 0}},
       {"rank", OrderedDomain{ranks}},
       {"schedule", CategoricalDomain{{std::string("linear"), std::string("cosine"), std::string("constant")}, {}}},
       {"width", IntDomain{1, 128, true, 1}},
       {"x", FloatDomain{-2, 3, false, 0}}});
  for (const json& test : Reference("pareto.json", "importances")) {
    Sweep sweep{space, {}};
    for (const json& row : test["trials"]) {
      sweep.Add(TrialState::kCompleted,
                {{"dropout", row[1].get<double>()},
                 {"learning_rate", row[2].get<double>()},
                 {"rank", row[3].get<std::int64_t>()},
                 {"schedule", row[4].get<std::string>()},
                 {"width", row[5].get<std::int64_t>()},
                 {"x", row[6].get<double>()}},
                {At(10, row[0].get<double>())});
    }
    const absl::StatusOr<Importances> found = FindImportances(sweep.View(), 1);
    REQUIRE(found.ok());
    CHECK(found->trials == static_cast<std::int64_t>(sweep.trials.size()));
    double sum = 0;
    for (const Importance& importance : found->parameters) {
      INFO(importance.parameter);
      CHECK(importance.share.value == Approx(test["shares"][importance.parameter].get<double>()).epsilon(1e-6));
      CHECK(importance.share.stderr_ > 0);
      CHECK(importance.share.stderr_ < 0.5);
      sum += importance.share.value;
    }
    CHECK(sum == Approx(1));
  }
}

TEST_CASE("The parameter that matters comes first, with where its best values lie", "[search][importance]") {
  const Sweep sweep = RunSweep(RandomSampler(), testing::LoraSpace(), 300, 5, [](const Params& params) {
    const double rate = std::log10(NumberOf(params, "learning_rate") / 3e-4);
    return rate * rate + (params.at("schedule") == Value(std::string("cosine")) ? 0 : 0.05);
  });
  const absl::StatusOr<Importances> found = FindImportances(sweep.View(), 1);
  REQUIRE(found.ok());
  const Importance& first = found->parameters.front();
  CHECK(first.parameter == "learning_rate");
  CHECK(first.share.value > 0.5);
  CHECK(std::get<double>(first.best_low) < 3e-4);
  CHECK(std::get<double>(first.best_low) > 1.5e-4);
  CHECK(std::get<double>(first.best_high) > 3e-4);
  CHECK(std::get<double>(first.best_high) < 6e-4);
  std::map<std::string, Importance> by_name;
  for (const Importance& importance : found->parameters) by_name[importance.parameter] = importance;
  CHECK(by_name.size() == 4);
  CHECK(by_name["schedule"].best_low == Value(std::string("cosine")));
  CHECK(by_name["schedule"].best_high == Value(std::string("cosine")));
  CHECK(by_name["lora_rank"].share.value < 0.2);
}

TEST_CASE("Importance needs ten completed trials", "[search][importance]") {
  Sweep sweep{testing::LoraSpace(), {}};
  CHECK(testing::MessageOf(FindImportances(sweep.View(), 1).status()) ==
        "importance needs 10 completed trials; there are 0");
  // Equal values are no trouble.
  sweep = RunSweep(RandomSampler(), testing::LoraSpace(), 10, 5, [](const Params&) { return 1; });
  CHECK(FindImportances(sweep.View(), 1).ok());
  sweep.trials.back().state = TrialState::kPruned;
  CHECK_FALSE(FindImportances(sweep.View(), 1).ok());
}

TEST_CASE("A conditional parameter is judged by the trials that use it, and weighed by their share",
          "[search][importance][conditional]") {
  const auto value = [](const Params& params) {
    if (!params.contains("momentum")) return 1 + NumberOf(params, "adam_beta2");
    return std::abs(NumberOf(params, "momentum") - 0.4);
  };
  const Sweep sweep = RunSweep(RandomSampler(), testing::ConditionalSpace(), 300, 5, value);
  const absl::StatusOr<Importances> found = FindImportances(sweep.View(), 1);
  REQUIRE(found.ok());
  std::map<std::string, Importance> importances;
  for (const Importance& one : found->parameters) importances[one.parameter] = one;
  REQUIRE(importances.size() == 5);
  CHECK(found->parameters[0].parameter == "momentum");
  double low = 0;
  double high = 0;
  REQUIRE(AsNumber(importances["momentum"].best_low, &low));
  REQUIRE(AsNumber(importances["momentum"].best_high, &high));
  CHECK(low > 0.3);
  CHECK(high < 0.5);
  CHECK(importances["optimizer"].share.value > 0.02);
  CHECK(ToString(importances["optimizer"].best_low) == "sgd");
  // None of the best trials uses it.
  CHECK(importances["adam_beta2"].share.value == 0);
}

}  // namespace
}  // namespace lorasweep::search
