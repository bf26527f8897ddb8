#include "trainer_core/trainer/train_config.h"

#include <limits>

#include <catch2/catch.hpp>

namespace lorasweep::trainer {
namespace {

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
