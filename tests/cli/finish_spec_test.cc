#include "cli/finish_spec.h"

#include <catch2/catch.hpp>

#include "proto/settings.h"

namespace lorasweep::cli {
namespace {

v1::Sweep Searched() {
  v1::Sweep sweep;
  sweep.set_name("sweeps/math-tutor");
  v1::SweepSpec& spec = *sweep.mutable_spec();
  spec.set_name("math-tutor");
  spec.set_model("tiny");
  spec.mutable_data()->add_train("data.jsonl");
  spec.set_method("auto");
  spec.mutable_early_terminate()->set_type("paired");
  spec.mutable_limits()->set_trials(40);
  spec.mutable_metric()->set_target(0.1);
  v1::ParameterSpec* rate = spec.add_parameters();
  rate->set_name("learning_rate");
  rate->mutable_min()->set_number(1e-5);
  rate->mutable_max()->set_number(1e-2);
  v1::ParameterSpec* alpha = spec.add_parameters();
  alpha->set_name("lora_alpha");
  alpha->set_expression("32");
  return sweep;
}

v1::GetLeaderboardResponse Leaderboard() {
  v1::GetLeaderboardResponse leaderboard;
  for (const int number : {7, 3, 9}) {
    v1::Trial* trial = leaderboard.add_rows()->mutable_trial();
    trial->set_name("sweeps/math-tutor/trials/" + std::to_string(number));
    trial->set_number(number);
    (*trial->mutable_parameters())["learning_rate"].set_number(1e-4 * number);
    (*trial->mutable_parameters())["lora_alpha"].set_number(32);
  }
  return leaderboard;
}

TEST_CASE("Finishing trains the first places, unpruned and with other seeds", "[cli][finish]") {
  const auto spec = FinishSpec(Searched(), Leaderboard(), {.top = 2, .seeds = 4, .overrides = {"max_steps=900"}});
  REQUIRE(spec.ok());
  CHECK(spec->name() == "math-tutor-finish");
  REQUIRE(spec->start_points_size() == 2);
  CHECK(spec->start_points(0).source() == "sweeps/math-tutor/trials/7");
  // What is computed is computed again.
  CHECK(spec->start_points(0).parameters_size() == 1);
  CHECK(spec->start_points(1).parameters().at("learning_rate").number() == Approx(3e-4));
  CHECK(spec->limits().trials() == 2);
  CHECK(spec->repeats().top() == 2);
  CHECK(spec->repeats().seeds() == 4);
  CHECK(spec->training().max_steps() == 900);
  CHECK_FALSE(spec->has_early_terminate());
  CHECK_FALSE(spec->metric().has_target());
}

TEST_CASE("What was searched, and what is no setting, is not overridden", "[cli][finish]") {
  const auto message = [](const std::string& text) {
    const auto spec = FinishSpec(Searched(), Leaderboard(), {.overrides = {text}});
    return std::string{spec.status().message()};
  };
  CHECK(message("learning_rate=1e-3").find("is a parameter of the sweep") != std::string::npos);
  CHECK(message("seeds=3").find("names no setting of training or data") != std::string::npos);
  CHECK(message("max_steps").find("not of the form key=value") != std::string::npos);
  CHECK(message("max_steps=-1").find("--set max_steps=-1: ") == 0);
  CHECK(message("training.max_steps=10").empty());
  CHECK(absl::IsFailedPrecondition(FinishSpec(Searched(), {}, {}).status()));
}

}  // namespace
}  // namespace lorasweep::cli
