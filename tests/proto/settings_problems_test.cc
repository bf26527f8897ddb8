#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <set>

#include "tests/proto/specs.h"

namespace lorasweep::proto {
namespace {

using search::Value;
using testing::AddValues;
using testing::Problems;
using testing::ValidSpec;

TEST_CASE("A complete spec with defaults is valid", "[proto]") {
  v1::SweepSpec spec = ValidSpec();
  CHECK(Problems(spec).empty());
  AddValues(&spec, "lora_rank", {std::int64_t{4}, std::int64_t{8}, 16.0});
  spec.mutable_early_terminate()->set_type("asha");
  CHECK(Problems(spec).empty());
}

TEST_CASE("Everything that is wrong is told at once", "[proto]") {
  v1::SweepSpec spec = ValidSpec();
  spec.clear_model();
  spec.mutable_training()->set_batch_size(0);
  spec.mutable_training()->set_learning_rate(20);
  spec.mutable_training()->set_decay_type("cosin");
  spec.mutable_data()->mutable_validation()->set_share(1);
  CHECK(
      Problems(spec) ==
      "model: is missing (a text)\n"
      "data.validation: 1.0 is not allowed (a share above 0 and below 1, a number of rows, a file or a list of files)\n"
      "training.batch_size: 0 is not allowed (a whole number from 1 to 65536)\n"
      "training.learning_rate: 20.0 is not allowed (a number above 0 and at most 10)\n"
      "training.decay_type: cosin is not allowed (one of linear, cosine, 1-sqrt)");
}

TEST_CASE("A spec without its defaults is not valid", "[proto]") {
  v1::SweepSpec spec = ValidSpec();
  spec.mutable_training()->clear_max_steps();
  CHECK(Problems(spec) == "training.max_steps: is missing (a whole number from 1 to 1000000000)");
}

TEST_CASE("NaN and infinity are no settings", "[proto]") {
  v1::SweepSpec spec = ValidSpec();
  spec.mutable_training()->set_weight_decay(std::numeric_limits<double>::quiet_NaN());
  spec.mutable_training()->set_max_grad_norm(std::numeric_limits<double>::infinity());
  CHECK_THAT(Problems(spec),
             Catch::Contains("training.weight_decay: nan") && Catch::Contains("training.max_grad_norm: inf"));
}

TEST_CASE("Parameters must be settings that may differ between trials", "[proto]") {
  const auto problem = [](const std::string& name, const std::vector<Value>& values) {
    v1::SweepSpec spec = ValidSpec();
    AddValues(&spec, name, values);
    return Problems(spec);
  };
  CHECK(problem("model", {std::string("a"), std::string("b")}).empty());
  CHECK(problem("max_length", {std::int64_t{512}, std::int64_t{1024}}).empty());
  CHECK(problem("packing", {true, false}).empty());
  CHECK(problem("target_modules", {std::string("q_proj,v_proj"), std::string("all-linear")}).empty());
  CHECK_THAT(problem("lr", {1e-4, 1e-3}),
             Catch::StartsWith("parameters.lr: not a setting") && Catch::Contains("did you mean learning_rate?"));
  CHECK_THAT(problem("seed", {std::int64_t{1}, std::int64_t{2}}), Catch::Contains("not a setting"));
  CHECK_THAT(problem("max_steps", {std::int64_t{10}, std::int64_t{20}}), Catch::Contains("cannot be searched"));
  CHECK(problem("max_steps", {std::int64_t{10}}).find("cannot be searched") != std::string::npos);
  CHECK_THAT(problem("no name", {true}), Catch::Contains("not a name for a parameter"));
}

TEST_CASE("Parameters stay in their setting's type and range", "[proto]") {
  const auto problem = [](const std::string& name, const std::string& distribution, Value min, Value max) {
    v1::SweepSpec spec = ValidSpec();
    v1::ParameterSpec* parameter = spec.add_parameters();
    parameter->set_name(name);
    parameter->set_distribution(distribution);
    *parameter->mutable_min() = ToProto(min);
    *parameter->mutable_max() = ToProto(max);
    return Problems(spec);
  };
  CHECK(problem("learning_rate", "log_uniform_values", 1e-5, 1e-2).empty());
  CHECK(problem("lora_rank", "int_log_uniform_values", std::int64_t{4}, std::int64_t{256}).empty());
  CHECK(problem("lora_alpha", "int_uniform", std::int64_t{4}, std::int64_t{256}).empty());
  CHECK_THAT(problem("lora_rank", "uniform", 4.0, 64.0), Catch::Contains("not whole"));
  CHECK_THAT(problem("lora_rank", "int_uniform", std::int64_t{0}, std::int64_t{64}),
             Catch::Contains("0 is not allowed (a whole number from 1 to 1024)"));
  CHECK_THAT(problem("lora_dropout", "uniform", 0.0, 1.0), Catch::Contains("1.0 is not allowed"));
  CHECK_THAT(problem("decay_type", "uniform", 0.0, 1.0), Catch::Contains("one of linear, cosine, 1-sqrt"));

  v1::SweepSpec spec = ValidSpec();
  v1::ParameterSpec* parameter = spec.add_parameters();
  parameter->set_name("learning_rate");
  parameter->set_distribution("log_normal");
  parameter->set_mu(-8);
  CHECK(Problems(spec).empty());
  parameter->set_distribution("normal");
  CHECK_THAT(Problems(spec),
             Catch::StartsWith("parameters.learning_rate: reaches a value") && Catch::Contains("-13.99"));
}

TEST_CASE("An expression that leaves its setting's range anywhere in the space is found", "[proto]") {
  v1::SweepSpec spec = ValidSpec();
  AddValues(&spec, "lora_rank", {std::int64_t{4}, std::int64_t{8}, std::int64_t{16}});
  v1::ParameterSpec* alpha = spec.add_parameters();
  alpha->set_name("lora_alpha");
  alpha->set_expression("2 * lora_rank");
  CHECK(Problems(spec).empty());
  alpha->set_expression("lora_rank - 8");
  CHECK(Problems(spec) ==
        "parameters.lora_alpha: its expression at lora_rank=4: -4 is not allowed (a number above 0 and at most 65536)");
  alpha->set_expression("1 / (lora_rank - 16)");
  CHECK_FALSE(Problems(spec).empty());
  alpha->set_expression("2 * warmup");
  CHECK(Problems(spec) ==
        "parameters.lora_alpha: its expression reads warmup, which is not a parameter; add warmup: {value: …} to "
        "parameters (parameters: lora_alpha, lora_rank)");
}

TEST_CASE("An external sweep needs no model or data and takes any parameter and metric", "[proto]") {
  v1::SweepSpec spec;
  spec.set_trainer("external");
  FillDefaults(&spec);
  AddValues(&spec, "activation", {std::string("relu"), std::string("gelu")});
  AddValues(&spec, "learning_rate", {100.0, 200.0});
  spec.mutable_metric()->set_name("accuracy");
  spec.mutable_metric()->set_goal("maximize");
  spec.mutable_training()->set_eval_every(0);
  spec.mutable_early_terminate()->set_type("asha");
  CHECK(Problems(spec).empty());
  AddValues(&spec, "activation", {true});
  CHECK(Problems(spec) == "parameters.activation: is given twice");
}

TEST_CASE("Settings that contradict each other are refused", "[proto]") {
  v1::SweepSpec spec = ValidSpec();
  spec.mutable_early_terminate()->set_type("asha");
  spec.mutable_training()->set_eval_every(0);
  CHECK_THAT(Problems(spec), Catch::StartsWith("training.eval_every: 0 is not allowed with early_terminate type asha"));
  spec = ValidSpec();
  spec.mutable_early_terminate()->set_max_iter(27);
  CHECK_THAT(Problems(spec), Catch::StartsWith("early_terminate.max_iter: max_iter and s go together"));
  spec = ValidSpec();
  spec.mutable_metric()->set_goal("maximize");
  CHECK_THAT(Problems(spec), Catch::StartsWith("metric.goal: maximize would look for the worst"));
  spec = ValidSpec();
  spec.mutable_metric()->set_name("validation_loss");
  CHECK_THAT(Problems(spec), Catch::Contains("did you mean validation/loss?"));
  spec = ValidSpec();
  spec.set_method("grid");
  AddValues(&spec, "lora_rank", {std::int64_t{4}, std::int64_t{8}});
  CHECK(Problems(spec).empty());
  v1::ParameterSpec* rate = spec.add_parameters();
  rate->set_name("learning_rate");
  rate->mutable_min()->set_number(1e-5);
  rate->mutable_max()->set_number(1e-3);
  CHECK_THAT(Problems(spec), Catch::StartsWith("method: grid is not possible"));
}

TEST_CASE("A parameter's condition reads parameters, with values that they can have", "[proto]") {
  const auto problems = [](const char* when) {
    v1::SweepSpec spec = ValidSpec();
    AddValues(&spec, "optimizer", {std::string("adamw"), std::string("sgd")});
    AddValues(&spec, "momentum", {0.0, 0.9})->set_when(when);
    return Problems(spec);
  };
  CHECK(problems("optimizer == sgd").empty());
  CHECK_THAT(problems("optimizer = sgd"),
             Catch::StartsWith("parameters.momentum: when: column 11: expected ==, !=, <, <=, >, >= or in"));
  CHECK_THAT(problems("optimiser == sgd"),
             Catch::StartsWith("parameters.momentum: its condition reads optimiser, which is not a parameter; did you "
                               "mean optimizer?"));
  CHECK_THAT(problems("schedule == cosine"), Catch::Contains("add schedule: {value: …} to parameters"));
  CHECK_THAT(
      problems("optimizer == lion"),
      Catch::StartsWith("parameters.momentum: its condition reads optimizer, which is never lion: it is one of"));
  v1::SweepSpec spec = ValidSpec();
  spec.clear_model();
  AddValues(&spec, "use_dora", {true, false});
  AddValues(&spec, "model", {std::string("a"), std::string("b")})->set_when("use_dora == true");
  CHECK_THAT(Problems(spec), Catch::Contains("parameters.model: is always needed"));
  // A constant that is not always in use is not the setting's fixed value.
  spec = ValidSpec();
  AddValues(&spec, "optimizer", {std::string("adamw"), std::string("sgd")});
  v1::ParameterSpec* momentum = spec.add_parameters();
  momentum->set_name("momentum");
  momentum->mutable_value()->set_number(0.9);
  momentum->set_when("optimizer == sgd");
  FillDefaults(&spec);
  CHECK(Problems(spec).empty());
  CHECK(spec.training().momentum() == 0);
}

TEST_CASE("Objectives and constraints name metrics that a trial has, and bounds", "[proto]") {
  const auto problems = [](const char* objective, const char* constraint) {
    v1::SweepSpec spec = ValidSpec();
    if (*objective != 0) spec.mutable_metric()->add_objectives(objective);
    if (*constraint != 0) spec.mutable_metric()->add_constraints(constraint);
    return Problems(spec);
  };
  CHECK(problems("adapter/bytes=minimize", "trial/seconds <= 3.5e2").empty());
  CHECK(problems("", "test/loss>=1").empty());
  CHECK(problems("eval/exact_match=maximize", "eval/my_own >= 0.5").empty());
  CHECK(problems("trial/tokens_per_second=maximize", "cpu/q4_k_m/tokens_per_second >= 20").empty());
  CHECK_THAT(problems("adapter/bytes=small", ""),
             Catch::StartsWith("metric.objectives: adapter/bytes=small is not allowed (a map"));
  CHECK_THAT(problems("adapter/bytes", ""), Catch::StartsWith("metric.objectives: adapter/bytes is not allowed"));
  CHECK_THAT(problems("validation/loss=minimize", ""),
             Catch::StartsWith("metric.objectives: validation/loss=minimize is not allowed (a metric that is not one"));
  CHECK_THAT(problems("adapter/byte=minimize", ""), Catch::Contains("did you mean adapter/bytes?"));
  for (const char* wrong :
       {"adapter/bytes < 3", "adapter/bytes <= many", "<= 3", "adapter/bytes", "adapter/bytes <= inf"}) {
    CHECK_THAT(problems("", wrong), Catch::StartsWith(std::string("metric.constraints: ") + wrong + " is not allowed"));
  }
}

TEST_CASE("What has no meaning for the method or the rule is refused", "[proto]") {
  v1::SweepSpec spec = ValidSpec();
  spec.set_method("sobol");
  spec.add_warm_start("auto");
  CHECK_THAT(Problems(spec), Catch::StartsWith("warm_start: has no meaning for method sobol"));
  spec.clear_warm_start();
  spec.set_cost_aware(true);
  CHECK_THAT(Problems(spec), Catch::StartsWith("cost_aware: has no meaning for method sobol"));
  spec.set_method("gp");
  CHECK(Problems(spec).empty());
  spec = ValidSpec();
  spec.mutable_early_terminate()->set_type("median");
  spec.mutable_early_terminate()->set_brackets(2);
  CHECK_THAT(Problems(spec), Catch::StartsWith("early_terminate.brackets: has no meaning for type median"));
  spec = ValidSpec();
  spec.mutable_early_terminate()->set_type("extrapolation");
  spec.mutable_early_terminate()->set_promote(true);
  CHECK_THAT(Problems(spec), Catch::StartsWith("early_terminate.promote: has no meaning for type extrapolation"));
  spec = ValidSpec();
  spec.add_known_trials()->set_standing(1.5);
  CHECK_THAT(Problems(spec), Catch::StartsWith("known_trials: each needs parameters"));
}

}  // namespace
}  // namespace lorasweep::proto
