#include "proto/settings.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "tests/proto/specs.h"

namespace lorasweep::proto {
namespace {

using search::Value;
using testing::DefaultSpec;
using testing::ValidSpec;

TEST_CASE("Every default of the schema fits its own setting", "[proto]") {
  const v1::SweepSpec spec = DefaultSpec();
  for (const Setting& setting : AllSettings()) {
    if (setting.section == "parameters.*" || setting.default_value.empty()) continue;
    INFO(setting.path);
    v1::SweepSpec copy = spec;
    const auto* section = SectionOf(setting, &copy);
    const auto* reflection = section->GetReflection();
    CHECK((setting.field->is_repeated() ? reflection->FieldSize(*section, setting.field) > 0
                                        : reflection->HasField(*section, setting.field)));
    CHECK_FALSE(setting.help.empty());
  }
  CHECK(spec.training().learning_rate() == 2e-4);
  CHECK(spec.training().target_modules(0) == "all-linear");
  CHECK(spec.training().max_steps() == 100);
  CHECK(spec.data().validation().share() == 0.1);
  CHECK(spec.data().max_length() == 1024);
  CHECK(spec.early_terminate().strict());
  CHECK(spec.method() == "tpe");
  CHECK_FALSE(spec.metric().has_target());
}

TEST_CASE("Filling defaults keeps what was set, zero and false included", "[proto]") {
  v1::SweepSpec spec;
  spec.set_seed(0);
  spec.mutable_training()->set_eval_every(0);
  spec.mutable_early_terminate()->set_strict(false);
  spec.mutable_data()->mutable_validation()->set_rows(64);
  FillDefaults(&spec);
  CHECK(spec.seed() == 0);
  CHECK(spec.training().eval_every() == 0);
  CHECK_FALSE(spec.early_terminate().strict());
  CHECK(spec.data().validation().rows() == 64);
  CHECK(spec.training().batch_size() == 8);
}

TEST_CASE("A constant parameter is its setting's value, so that the horizon follows it", "[proto]") {
  v1::SweepSpec spec;
  spec.mutable_training()->set_batch_size(4);
  for (const auto& [name, value] : {std::pair{"max_steps", 500}, std::pair{"batch_size", 16}}) {
    v1::ParameterSpec* parameter = spec.add_parameters();
    parameter->set_name(name);
    parameter->mutable_value()->set_integer(value);
  }
  FillDefaults(&spec);
  CHECK(HorizonSequences(spec) == 8000);
}

TEST_CASE("A setting's value is read from the spec that holds it", "[proto]") {
  const v1::SweepSpec spec = ValidSpec();
  CHECK(ValueOf(*FindSetting("training.max_steps"), spec) == search::Value(spec.training().max_steps()));
  CHECK(ValueOf(*FindSetting("method"), spec) == search::Value(spec.method()));
  CHECK(ValueOf(*FindSetting("data.packing"), spec) == search::Value(false));
  CHECK_FALSE(ValueOf(*FindSetting("metric.target"), spec));
  CHECK_FALSE(ValueOf(*FindSetting("data.train"), spec));
  CHECK_FALSE(ValueOf(*FindSetting("data.validation"), spec));
}

TEST_CASE("A trial's parameters are written into the settings they name", "[proto]") {
  const v1::SweepSpec spec = ValidSpec();
  const absl::StatusOr<v1::SweepSpec> applied =
      ApplyParameters(spec, {{"lora_rank", 16.0},
                             {"lora_alpha", std::int64_t{32}},
                             {"learning_rate", 3e-4},
                             {"schedule", std::string("cosine")},
                             {"target_modules", std::string("q_proj, v_proj")},
                             {"packing", true},
                             {"max_length", std::int64_t{512}},
                             {"train", std::string("a, b.jsonl")},
                             {"model", std::string("other")}});
  REQUIRE(applied.ok());
  CHECK(applied->training().lora_rank() == 16);
  CHECK(applied->training().lora_alpha() == 32);
  CHECK(applied->training().learning_rate() == 3e-4);
  CHECK(applied->training().schedule() == "cosine");
  REQUIRE(applied->training().target_modules_size() == 2);
  CHECK(applied->training().target_modules(1) == "v_proj");
  CHECK(applied->data().packing());
  CHECK(applied->data().max_length() == 512);
  REQUIRE(applied->data().train_size() == 1);
  CHECK(applied->data().train(0) == "a, b.jsonl");
  CHECK(applied->model() == "other");
  CHECK(applied->training().batch_size() == spec.training().batch_size());
}

TEST_CASE("A parameter that does not fit is refused with its name, value and what is allowed", "[proto]") {
  const v1::SweepSpec spec = ValidSpec();
  const auto error = [&](const std::string& name, const Value& value) {
    return std::string{ApplyParameters(spec, {{name, value}}).status().message()};
  };
  CHECK(error("lora_rank", 16.5) == "parameter lora_rank: 16.5 is not allowed (a whole number from 1 to 1024)");
  CHECK_FALSE(error("lora_rank", 1e300).empty());
  CHECK_FALSE(error("lora_rank", true).empty());
  CHECK_FALSE(error("max_length", std::int64_t{1} << 40).empty());
  CHECK_FALSE(error("learning_rate", std::string("3e-4")).empty());
  CHECK_FALSE(error("packing", std::int64_t{1}).empty());
  CHECK_FALSE(error("schedule", std::string("")).empty());
  CHECK_FALSE(error("target_modules", std::string("q_proj,,v_proj")).empty());
  CHECK(error("activation", std::string("relu")) ==
        "parameter activation: names no setting of training or data, nor model");

  v1::SweepSpec external = spec;
  external.set_trainer("external");
  const absl::StatusOr<v1::SweepSpec> applied = ApplyParameters(
      external, {{"activation", std::string("relu")}, {"learning_rate", 200.0}, {"batch_size", std::int64_t{4}}});
  REQUIRE(applied.ok());
  CHECK(applied->training().batch_size() == 4);
  CHECK(applied->training().learning_rate() == spec.training().learning_rate());
}

TEST_CASE("The walk over all settings has each path once and finds it again", "[proto]") {
  std::set<std::string> paths;
  for (const Setting& setting : AllSettings()) {
    CHECK(paths.insert(setting.path).second);
    CHECK(FindSetting(setting.path) == &setting);
  }
  CHECK(paths.contains("training.learning_rate"));
  CHECK(paths.contains("parameters.*.min"));
  CHECK(FindSetting("training.learning_rat") == nullptr);
  CHECK(FindParameterSetting("learning_rate") == FindSetting("training.learning_rate"));
  CHECK(FindParameterSetting("goal") == nullptr);
  CHECK(KeysOf("") == std::vector<std::string>{"name", "model", "data", "training", "metric", "method", "prior",
                                               "warm_start", "cost_aware", "parameters", "early_terminate", "limits",
                                               "repeats", "seed", "trainer"});
  // Parameters are found by bare name, so training and data may not share one.
  for (const Setting& setting : AllSettings()) {
    if (setting.section == "data") CHECK(FindSetting("training." + setting.key) == nullptr);
  }
}

TEST_CASE("Ranges are closed or open at each end", "[proto]") {
  const Setting* rate = FindSetting("training.learning_rate");
  CHECK_FALSE(rate->range.Contains(0));
  CHECK(rate->range.Contains(10));
  CHECK_FALSE(rate->range.Contains(10.01));
  const Setting* beta = FindSetting("training.adam_beta1");
  CHECK(beta->range.Contains(0));
  CHECK_FALSE(beta->range.Contains(1));
  CHECK_FALSE(beta->range.Contains(std::numeric_limits<double>::quiet_NaN()));
  CHECK(FindSetting("limits.trials")->range.Contains(0));
}

}  // namespace
}  // namespace lorasweep::proto
