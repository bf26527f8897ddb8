#include "trainer_core/trainer/train_config.h"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

namespace lorasweep::trainer {
namespace {

TEST_CASE("a warm-up begins at rate 0 and a linear schedule would reach 0 one step after the last") {
  const TrainConfig config{.max_steps = 10, .learning_rate = 1, .warmup = 2};
  CHECK(LearningRate(config, 0) == 0);
  CHECK(LearningRate(config, 1) == Approx(0.5));
  CHECK(LearningRate(config, 2) == Approx(1));
  CHECK(LearningRate(config, 9) == Approx(1.0 / 8));
  CHECK(LearningRate(config, 10) == 0);
}

TEST_CASE("a warm-up below 1 is a share of the steps, rounded up") {
  const TrainConfig share{.max_steps = 30, .learning_rate = 1, .warmup = 0.05, .schedule = Schedule::kConstant};
  CHECK(LearningRate(share, 1) == Approx(0.5));
  CHECK(LearningRate(share, 2) == 1);
}

TEST_CASE("cosine goes from the peak to 0 along half a wave") {
  const TrainConfig config{.max_steps = 8, .learning_rate = 2, .schedule = Schedule::kCosine};
  CHECK(LearningRate(config, 0) == Approx(2));
  CHECK(LearningRate(config, 2) == Approx(1 + std::sqrt(0.5)));
  CHECK(LearningRate(config, 4) == Approx(1));
  CHECK(LearningRate(config, 8) == Approx(0).margin(1e-12));
}

TEST_CASE("a setting out of range is named with its value and what is allowed") {
  const auto message = [](const TrainConfig& config) { return std::string{config.Validate().message()}; };
  CHECK(TrainConfig{}.Validate().ok());
  CHECK(message({.lora_dropout = 1}) == "lora_dropout is 1; allowed is 0 to below 1");
  CHECK(message({.batch_size = 0}) == "batch_size is 0; allowed is 1 to 1000000");
  CHECK_FALSE(TrainConfig{.target_modules = {}}.Validate().ok());
  CHECK_FALSE(TrainConfig{.learning_rate = std::numeric_limits<double>::quiet_NaN()}.Validate().ok());
  CHECK_FALSE(TrainConfig{.max_grad_norm = std::numeric_limits<double>::infinity()}.Validate().ok());
}

}  // namespace
}  // namespace lorasweep::trainer
