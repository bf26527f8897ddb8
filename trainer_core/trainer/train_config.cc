#include "trainer_core/trainer/train_config.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {
namespace {

constexpr std::int64_t kMaxSteps = 100'000'000;
constexpr std::int64_t kMaxBatchSize = 1'000'000;
constexpr std::int64_t kMaxRank = 4096;
constexpr std::int64_t kMaxSamples = 16;
constexpr std::int64_t kMaxSamplesTokens = 1024;

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
      Check(Between(num_cycles, 0, 1e6), "num_cycles", num_cycles, "0 (the schedule's own) to 1000000"),
      Check(Between(power, 0, 100), "power", power, "0 to 100"),
      Check(lr_end >= 0 && (schedule != Schedule::kPolynomial || lr_end < learning_rate), "lr_end", lr_end,
            "0 to below learning_rate"),
      Check(min_lr >= 0 && (schedule != Schedule::kCosineWithMinLr || min_lr <= learning_rate), "min_lr", min_lr,
            "0 to learning_rate"),
      Check(Between(min_lr_rate, 0, 1), "min_lr_rate", min_lr_rate, "0 to 1"),
      Check(min_lr == 0 || min_lr_rate == 0, "min_lr_rate", min_lr_rate, "0 where min_lr is given"),
      Check(timescale >= 0, "timescale", steps(timescale), "0 (the warm-up) or more"),
      Check(Between(decay_steps, 0, steps(kMaxSteps)), "decay_steps", decay_steps,
            "a share below 1, or a number of steps"),
      Check(momentum >= 0 && momentum < 1, "momentum", momentum, "0 to below 1"),
      Check(loraplus_lr_ratio > 0 && loraplus_lr_ratio <= 1e6, "loraplus_lr_ratio", loraplus_lr_ratio,
            "above 0 to 1000000"),
      Check(Between(loraplus_lr_embedding, 0, 100), "loraplus_lr_embedding", loraplus_lr_embedding, "0 to 100"),
      Check(Between(weight_decay, 0, 100), "weight_decay", weight_decay, "0 to 100"),
      Check(adam_beta1 >= 0 && adam_beta1 < 1, "adam_beta1", adam_beta1, "0 to below 1"),
      Check(adam_beta2 >= 0 && adam_beta2 < 1, "adam_beta2", adam_beta2, "0 to below 1"),
      Check(Between(adam_epsilon, 0, 1), "adam_epsilon", adam_epsilon, "0 to 1"),
      Check(Between(max_grad_norm, 0, 1e30), "max_grad_norm", max_grad_norm, "0 (no clipping) or more"),
      Check(Between(label_smoothing, 0, 1), "label_smoothing", label_smoothing, "0 to 1"),
      Check(Between(neftune_noise_alpha, 0, 1e6), "neftune_noise_alpha", neftune_noise_alpha, "0 (none) to 1000000"),
      Check(lora_rank >= 1 && lora_rank <= kMaxRank, "lora_rank", steps(lora_rank), "1 to 4096"),
      Check(lora_alpha > 0 && lora_alpha <= 1e6, "lora_alpha", lora_alpha, "above 0 to 1000000"),
      Check(lora_dropout >= 0 && lora_dropout < 1, "lora_dropout", lora_dropout, "0 to below 1"),
      Check(eval_every >= 0, "eval_every", steps(eval_every), "0 (only at the end) or more"),
      Check(save_every >= 0, "save_every", steps(save_every), "0 (never) or more"),
      Check(samples >= 0 && samples <= kMaxSamples, "samples", steps(samples), "0 (none) to 16"),
      Check(samples_tokens >= 1 && samples_tokens <= kMaxSamplesTokens, "samples_tokens", steps(samples_tokens),
            "1 to 1024"),
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

}  // namespace lorasweep::trainer
