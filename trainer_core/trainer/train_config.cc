#include "trainer_core/trainer/train_config.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {
namespace {

constexpr std::int64_t kMaxSteps = 100'000'000;
constexpr std::int64_t kMaxBatchSize = 1'000'000;
constexpr std::int64_t kMaxRank = 4096;

absl::Status Check(bool allowed, std::string_view setting, double value, std::string_view range) {
  if (allowed) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(std::string{setting}, " is ", value, "; allowed is ", std::string{range}));
}

bool Between(double value, double low, double high) {
  return value >= low && value <= high;
}

}  // namespace

absl::Status TrainConfig::Validate() const {
  const auto steps = [](std::int64_t count) { return static_cast<double>(count); };
  const absl::Status checks[] = {
      Check(max_steps >= 1 && max_steps <= kMaxSteps, "max_steps", steps(max_steps), "1 to 100000000"),
      Check(batch_size >= 1 && batch_size <= kMaxBatchSize, "batch_size", steps(batch_size), "1 to 1000000"),
      Check(Between(learning_rate, 0, 100), "learning_rate", learning_rate, "0 to 100"),
      Check(Between(warmup, 0, steps(kMaxSteps)), "warmup", warmup, "a share below 1, or a number of steps"),
      Check(Between(weight_decay, 0, 100), "weight_decay", weight_decay, "0 to 100"),
      Check(adam_beta1 >= 0 && adam_beta1 < 1, "adam_beta1", adam_beta1, "0 to below 1"),
      Check(adam_beta2 >= 0 && adam_beta2 < 1, "adam_beta2", adam_beta2, "0 to below 1"),
      Check(Between(adam_epsilon, 0, 1), "adam_epsilon", adam_epsilon, "0 to 1"),
      Check(Between(max_grad_norm, 0, 1e30), "max_grad_norm", max_grad_norm, "0 (no clipping) or more"),
      Check(lora_rank >= 1 && lora_rank <= kMaxRank, "lora_rank", steps(lora_rank), "1 to 4096"),
      Check(lora_alpha > 0 && lora_alpha <= 1e6, "lora_alpha", lora_alpha, "above 0 to 1000000"),
      Check(lora_dropout >= 0 && lora_dropout < 1, "lora_dropout", lora_dropout, "0 to below 1"),
      Check(eval_every >= 0, "eval_every", steps(eval_every), "0 (only at the end) or more"),
      Check(save_every >= 0, "save_every", steps(save_every), "0 (never) or more"),
      Check(early_stopping_patience >= 0, "early_stopping_patience", steps(early_stopping_patience),
            "0 (train to the end) or more"),
      Check(early_stopping_threshold >= 0 && std::isfinite(early_stopping_threshold), "early_stopping_threshold",
            early_stopping_threshold, "0 or more"),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  if (target_modules.empty()) {
    return absl::InvalidArgumentError("target_modules is empty: there would be nothing to train");
  }
  return absl::OkStatus();
}

double LearningRate(const TrainConfig& config, std::int64_t step) {
  const auto total = static_cast<double>(config.max_steps);
  const double warmup = config.warmup < 1 ? std::ceil(total * config.warmup) : std::floor(config.warmup);
  const auto now = static_cast<double>(step);
  if (now < warmup) return config.learning_rate * now / std::max(1.0, warmup);
  const double left = std::max(1.0, total - warmup);
  switch (config.schedule) {
    case Schedule::kLinear:
      return config.learning_rate * std::max(0.0, (total - now) / left);
    case Schedule::kCosine:
      return config.learning_rate * std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * (now - warmup) / left)));
    case Schedule::kConstant:
      break;
  }
  return config.learning_rate;
}

}  // namespace lorasweep::trainer
