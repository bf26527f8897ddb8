#include "cli/train_view.h"

#include <catch2/catch.hpp>

namespace lorasweep::cli {
namespace {

v1::TrainEvent Start(std::int64_t max_steps) {
  v1::TrainEvent event;
  event.mutable_start()->set_device("cpu bf16");
  event.mutable_start()->set_max_steps(max_steps);
  event.mutable_start()->set_train_rows(500);
  event.mutable_start()->set_validation_rows(20);
  return event;
}

v1::TrainEvent Step(std::int64_t step, double seconds, std::optional<double> validation = {}) {
  v1::TrainEvent event;
  event.mutable_step()->set_step(step);
  event.mutable_step()->set_tokens(step * 1000);
  event.mutable_step()->set_seconds(seconds);
  if (step > 0) event.mutable_step()->set_train_loss(2.0 - 0.01 * static_cast<double>(step));
  if (step > 0) event.mutable_step()->set_learning_rate(2e-4);
  if (validation) event.mutable_step()->set_validation_loss(*validation);
  return event;
}

TEST_CASE("A training's lines say what matters and how long it still takes", "[cli]") {
  TrainView view;
  CHECK(view.Apply(Start(100)) == "training on cpu bf16, 100 steps, 500 rows, 20 for validation");
  CHECK_FALSE(view.TokensPerSecond().has_value());
  CHECK(view.Apply(Step(0, 0, 1.5)) == "step 0/100  validation loss 1.5000");
  CHECK_FALSE(view.Apply(Step(1, 2)).has_value());
  CHECK(view.TokensPerSecond() == 500);
  CHECK(view.SecondsLeft() == 198);
  CHECK(view.Apply(Step(5, 10)) == "step 5/100  loss 1.9500  lr 2e-4  500 tokens/s  ETA 3 min");
  CHECK(view.Apply(Step(6, 12, 1.25)) ==
        "step 6/100  loss 1.9400  validation loss 1.2500  lr 2e-4  500 tokens/s  ETA 3 min");
  v1::TrainEvent saved;
  saved.mutable_saved()->set_step(6);
  saved.mutable_saved()->set_path("out/checkpoint-6");
  CHECK(view.Apply(saved) == "checkpoint of step 6 in out/checkpoint-6");
}

TEST_CASE("A training's picture fits its width", "[cli]") {
  TrainView view;
  CHECK(view.Render(80, false) == std::vector<std::string>{"loading the model and the data"});
  view.Apply(Start(100));
  view.Apply(Step(0, 0, 1.5));
  view.Apply(Step(50, 50, 1.25));
  const std::vector<std::string> lines = view.Render(80, false);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "━━━━━━━━━━━━────────────  step 50/100  1,000 tokens/s  ETA 50 s  cpu bf16");
  CHECK(lines[2] == "validation loss 1.2500  best 1.2500 at step 50  base model 1.5000");
  for (const std::string& line : view.Render(30, false)) CHECK(DisplayWidth(line) <= 30);
}

}  // namespace
}  // namespace lorasweep::cli
