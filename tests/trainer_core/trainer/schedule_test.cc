#include "trainer_core/trainer/schedule.h"

#include <fstream>
#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "trainer_core/trainer/config_words.h"

namespace lorasweep::trainer {
namespace {

using Json = nlohmann::json;

TEST_CASE("every schedule has transformers' learning rate at every step") {
  const auto file = testing::SourceDir() / "tests" / "trainer_core" / "trainer" / "reference" / "schedules.json";
  const Json cases = Json::parse(std::ifstream(file));
  REQUIRE(cases.size() > 15);
  for (const Json& recorded : cases) {
    const Json& settings = recorded["settings"];
    TrainConfig config{.max_steps = recorded["max_steps"], .learning_rate = 3e-4, .warmup = recorded["warmup"]};
    config.schedule = *ParseSchedule(recorded["schedule"].get<std::string>());
    config.num_cycles = settings.value("num_cycles", config.num_cycles);
    config.power = settings.value("power", config.power);
    config.lr_end = settings.value("lr_end", config.lr_end);
    config.min_lr = settings.value("min_lr", config.min_lr);
    config.min_lr_rate = settings.value("min_lr_rate", config.min_lr_rate);
    config.timescale = settings.value("timescale", config.timescale);
    config.decay_steps = settings.value("decay_steps", config.decay_steps);
    config.decay_type = *ParseDecayShape(settings.value("decay_type", "cosine"));
    INFO(recorded["schedule"] << " " << settings);
    CHECK(config.Validate().ok());
    for (std::size_t step = 0; step < recorded["rates"].size(); ++step) {
      INFO("step " << step);
      CHECK(LearningRate(config, static_cast<std::int64_t>(step)) ==
            Approx(recorded["rates"][step].get<double>()).epsilon(1e-12).margin(1e-18));
    }
  }
}

TEST_CASE("a warm-up below 1 is a share of the steps, rounded up") {
  const TrainConfig share{
      .max_steps = 30, .learning_rate = 1, .warmup = 0.05, .schedule = Schedule::kConstantWithWarmup};
  CHECK(LearningRate(share, 0) == 0);
  CHECK(LearningRate(share, 1) == Approx(0.5));
  CHECK(LearningRate(share, 2) == 1);
}

TEST_CASE("a polynomial that would rise and a floor above the peak are refused") {
  CHECK_FALSE(TrainConfig{.learning_rate = 1e-8, .schedule = Schedule::kPolynomial}.Validate().ok());
  CHECK_FALSE(
      TrainConfig{.learning_rate = 1e-3, .schedule = Schedule::kCosineWithMinLr, .min_lr = 1e-2}.Validate().ok());
  CHECK(TrainConfig{.learning_rate = 1e-8}.Validate().ok());
}

TEST_CASE("words and choices lead to each other, and an unknown word is told all of them") {
  CHECK(*ParseSchedule("wsd") == Schedule::kWarmupStableDecay);
  CHECK(Word(Schedule::kWarmupStableDecay) == "warmup_stable_decay");
  CHECK(*ParseOptimizer("adamw_torch_fused") == Optimizer::kAdamW);
  CHECK(Word(Optimizer::kAdafactor) == "adafactor");
  CHECK_THAT(std::string{ParseOptimizer("adam").status().message()},
             Catch::Contains("\"adam\" is not allowed (one of adamw, "));
}

}  // namespace
}  // namespace lorasweep::trainer
