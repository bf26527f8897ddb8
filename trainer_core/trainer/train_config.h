#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace lorasweep::trainer {

enum class Schedule { kLinear, kCosine, kConstant };

// One trial's training settings, with the meaning they have in TRL and PEFT. Everything that may differ between the
// slots of a pack.
struct TrainConfig {
  std::int64_t max_steps = 100;  // optimizer steps, also the schedule's horizon
  std::int64_t batch_size = 8;   // rows in one optimizer step
  double learning_rate = 2e-4;   // peak
  double warmup = 0;             // below 1: share of max_steps (rounded up), else steps
  Schedule schedule = Schedule::kLinear;
  double weight_decay = 0;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double max_grad_norm = 1;  // 0: no clipping
  std::int64_t lora_rank = 16;
  double lora_alpha = 32;
  double lora_dropout = 0;
  std::vector<std::string> target_modules = {"all-linear"};  // module names, or all-linear (every linear but the head)
  std::int64_t eval_every = 20;                              // steps; 0: only at the end
  std::int64_t save_every = 20;                              // steps; 0: never
  // Decided on the validation losses as transformers' Trainer and its EarlyStoppingCallback do (validation_history.h).
  bool load_best_model_at_end = false;       // the adapter of the lowest validation loss, not the last
  std::int64_t early_stopping_patience = 0;  // validations in a row without a better loss; 0: train to the end
  double early_stopping_threshold = 0;       // by how much a loss must be better to count

  // InvalidArgument names the setting, its value and what is allowed.
  absl::Status Validate() const;
};

// Learning rate of step `step` (0-based): warm-up from 0, then the schedule, as transformers.optimization has them; the
// first step of a warm-up has rate 0.
double LearningRate(const TrainConfig& config, std::int64_t step);

}  // namespace lorasweep::trainer
