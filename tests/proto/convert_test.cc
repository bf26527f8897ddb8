#include "proto/convert.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "proto/settings.h"

namespace lorasweep::proto {
namespace {

v1::SweepSpec DefaultSpec() {
  v1::SweepSpec spec;
  FillDefaults(&spec);
  return spec;
}

v1::SweepSpec Spec(std::int64_t max_steps, std::int64_t batch_size) {
  v1::SweepSpec spec = DefaultSpec();
  spec.mutable_training()->set_max_steps(max_steps);
  spec.mutable_training()->set_batch_size(batch_size);
  return spec;
}

}  // namespace

TEST_CASE("Values keep their kind and value through the wire", "[proto]") {
  const std::vector<search::Value> values = {true,
                                             false,
                                             std::int64_t{0},
                                             std::numeric_limits<std::int64_t>::min(),
                                             0.0,
                                             -1.5e-300,
                                             std::numeric_limits<double>::infinity(),
                                             std::string(),
                                             std::string("linear")};
  for (const search::Value& value : values) {
    v1::Value parsed;
    REQUIRE(parsed.ParseFromString(ToProto(value).SerializeAsString()));
    const absl::StatusOr<search::Value> back = FromProto(parsed);
    REQUIRE(back.ok());
    CHECK(*back == value);
  }
}

TEST_CASE("A value without a kind is refused, in a map with its name", "[proto]") {
  CHECK(FromProto(v1::Value()).status().code() == absl::StatusCode::kInvalidArgument);
  v1::Trial trial;
  (*trial.mutable_parameters())["lora_rank"];
  CHECK(FromProto(trial.parameters()).status() ==
        absl::InvalidArgumentError("parameters.lora_rank: a value has none of flag, integer, number, text set"));
}

TEST_CASE("Points keep every parameter through the wire", "[proto]") {
  const search::Params params = {
      {"lora_rank", std::int64_t{16}}, {"learning_rate", 3e-4}, {"schedule", std::string("cosine")}};
  v1::Trial trial;
  (*trial.mutable_parameters())["left over"] = ToProto(search::Value(true));
  ToProto(params, trial.mutable_parameters());
  const absl::StatusOr<search::Params> back = FromProto(trial.parameters());
  REQUIRE(back.ok());
  CHECK(*back == params);
}

TEST_CASE("Trial states have the same names on both sides", "[proto]") {
  int states = 0;
  for (int number = 0; number < v1::Trial::State_ARRAYSIZE; ++number) {
    const auto state = static_cast<v1::Trial::State>(number);
    const absl::StatusOr<search::TrialState> converted = FromProto(state);
    if (!converted.ok()) continue;
    ++states;
    CHECK(std::string(search::ToString(*converted)) == v1::Trial::State_Name(state));
    CHECK(ToProto(*converted) == state);
  }
  CHECK(states == v1::Trial::State_ARRAYSIZE - 1);
  CHECK_FALSE(FromProto(v1::Trial::STATE_UNSPECIFIED).ok());
  CHECK_FALSE(FromProto(static_cast<v1::Trial::State>(77)).ok());
}

TEST_CASE("An observation is turned so that lower is better", "[proto]") {
  v1::Observation observation;
  observation.set_metric("validation/loss");
  observation.set_step(20);
  observation.set_sequences(160);
  observation.set_value(1.5);
  observation.add_sequence_losses(2);
  observation.add_sequence_losses(7);
  observation.add_sequence_tokens(2);
  observation.add_sequence_tokens(4);
  v1::MetricSpec metric;
  metric.set_goal("minimize");
  absl::StatusOr<search::Evaluation> evaluation = ToEvaluation(observation, metric);
  REQUIRE(evaluation.ok());
  CHECK(evaluation->step == 20);
  CHECK(evaluation->sequences == 160);
  CHECK(evaluation->value == 1.5);
  CHECK(evaluation->sequence_losses == std::vector<float>{2, 7});
  CHECK(evaluation->sequence_tokens == std::vector<std::int32_t>{2, 4});

  metric.set_goal("maximize");
  evaluation = ToEvaluation(observation, metric);
  REQUIRE(evaluation.ok());
  CHECK(evaluation->value == -1.5);
  CHECK(evaluation->sequence_losses == std::vector<float>{-2, -7});
}

TEST_CASE("Observations that make no sense are refused", "[proto]") {
  v1::Observation observation;
  observation.set_metric("validation/loss");
  const v1::MetricSpec metric = DefaultSpec().metric();
  CHECK(ToEvaluation(observation, metric).ok());
  observation.set_step(-1);
  CHECK_FALSE(ToEvaluation(observation, metric).ok());
  observation.set_step(1);
  observation.add_sequence_losses(1);
  CHECK_FALSE(ToEvaluation(observation, metric).ok());
  observation.add_sequence_tokens(-3);
  CHECK_FALSE(ToEvaluation(observation, metric).ok());
  observation.set_sequence_tokens(0, 3);
  CHECK(ToEvaluation(observation, metric).ok());
  observation.set_value(std::nan(""));
  CHECK(ToEvaluation(observation, metric).ok());
}

TEST_CASE("Every trial covers the horizon, whatever its batch size", "[proto]") {
  CHECK(HorizonSequences(Spec(120, 8)) == 960);
  CHECK(MaxSteps(960, 8) == 120);
  CHECK(MaxSteps(960, 16) == 60);
  CHECK(MaxSteps(960, 7) == 138);
  CHECK(MaxSteps(960, 1000) == 1);
  CHECK(MaxSteps(std::numeric_limits<std::int64_t>::max(), 2) == (std::int64_t{1} << 62));
}

TEST_CASE("asha's rungs are min_steps * eta^k steps, in sequences, before the horizon", "[proto]") {
  v1::SweepSpec spec = Spec(540, 8);
  spec.mutable_early_terminate()->set_type("asha");
  absl::StatusOr<search::PrunerOptions> options = MakePrunerOptions(spec);
  REQUIRE(options.ok());
  CHECK(options->type == "asha");
  CHECK(options->eta == 3);
  // 20, 60, 180 steps; the fourth, 540, is the full length.
  CHECK(options->rung_sequences == std::vector<std::int64_t>{160, 480, 1440});

  spec.mutable_training()->set_max_steps(541);
  CHECK(MakePrunerOptions(spec)->rung_sequences == std::vector<std::int64_t>{160, 480, 1440, 4320});
  spec.mutable_training()->set_max_steps(20);
  CHECK(MakePrunerOptions(spec)->rung_sequences.empty());
}

TEST_CASE("W&B's max_iter and s give the rungs that W&B gives", "[proto]") {
  // W&B's documentation: max_iter 27, s 2, eta 3 -> brackets 9 and 3.
  v1::SweepSpec spec = Spec(100, 1);
  spec.mutable_early_terminate()->set_type("hyperband");
  spec.mutable_early_terminate()->set_max_iter(27);
  spec.mutable_early_terminate()->set_s(2);
  absl::StatusOr<search::PrunerOptions> options = MakePrunerOptions(spec);
  REQUIRE(options.ok());
  CHECK(options->type == "asha");
  CHECK(options->rung_sequences == std::vector<std::int64_t>{3, 9});
  spec.mutable_early_terminate()->set_s(20);
  CHECK(MakePrunerOptions(spec)->rung_sequences == std::vector<std::int64_t>{1, 3, 9});
}

TEST_CASE("A fractional eta gives whole ascending rungs, and one too near 1 is refused", "[proto]") {
  v1::SweepSpec spec = Spec(40, 2);
  spec.mutable_early_terminate()->set_type("asha");
  spec.mutable_early_terminate()->set_min_steps(3);
  spec.mutable_early_terminate()->set_eta(1.3);
  CHECK(MakePrunerOptions(spec)->rung_sequences == std::vector<std::int64_t>{6, 10, 12, 16, 22, 28, 36, 48, 62});
  spec.mutable_training()->set_max_steps(1000000000);
  spec.mutable_early_terminate()->set_eta(1 + 1e-12);
  const absl::StatusOr<search::PrunerOptions> options = MakePrunerOptions(spec);
  CHECK_THAT(std::string{options.status().message()},
             Catch::Contains("early_terminate.eta") && Catch::Contains("1000 rungs"));
}

TEST_CASE("paired waits for the end of the warm-up and a twentieth of the training more", "[proto]") {
  v1::SweepSpec spec = Spec(400, 1);
  spec.mutable_early_terminate()->set_type("paired");
  CHECK(MakePrunerOptions(spec)->type == "paired");
  CHECK(MakePrunerOptions(spec)->standard_errors == 2);
  CHECK(MakePrunerOptions(spec)->keep == 2);
  CHECK(MakePrunerOptions(spec)->rung_sequences == std::vector<std::int64_t>{20, 60, 180});
  spec.mutable_training()->set_warmup(0.1);
  CHECK(MakePrunerOptions(spec)->rung_sequences == std::vector<std::int64_t>{60, 180});
  v1::ParameterSpec* warmup = spec.add_parameters();
  warmup->set_name("warmup");
  warmup->add_values()->set_integer(0);
  warmup->add_values()->set_integer(60);
  CHECK(MakePrunerOptions(spec)->rung_sequences == std::vector<std::int64_t>{80, 240});
  spec.mutable_early_terminate()->set_type("asha");
  CHECK(MakePrunerOptions(spec)->rung_sequences == std::vector<std::int64_t>{20, 60, 180});
}

TEST_CASE("The guards' worst value follows the metric's goal", "[proto]") {
  v1::SweepSpec spec = Spec(100, 1);
  CHECK(std::isinf(MakePrunerOptions(spec)->worst_value));
  spec.mutable_early_terminate()->set_worst_value(4);
  spec.mutable_early_terminate()->set_patience(3);
  spec.mutable_early_terminate()->set_min_gain(0.5);
  CHECK(MakePrunerOptions(spec)->type == "none");
  CHECK(MakePrunerOptions(spec)->worst_value == 4);
  CHECK(MakePrunerOptions(spec)->patience == 3);
  CHECK(MakePrunerOptions(spec)->min_gain == 0.5);
  spec.mutable_metric()->set_goal("maximize");
  CHECK(MakePrunerOptions(spec)->worst_value == -4);
}

TEST_CASE("median waits for min_steps, and none has no rungs", "[proto]") {
  v1::SweepSpec spec = Spec(100, 4);
  CHECK(MakePrunerOptions(spec)->type == "none");
  spec.mutable_early_terminate()->set_type("median");
  spec.mutable_early_terminate()->set_min_trials(7);
  const absl::StatusOr<search::PrunerOptions> options = MakePrunerOptions(spec);
  REQUIRE(options.ok());
  CHECK(options->type == "median");
  CHECK(options->min_sequences == 80);
  CHECK(options->full_sequences == 400);  // a trial that is done is not judged
  CHECK(options->min_trials == 7);
}

}  // namespace lorasweep::proto
