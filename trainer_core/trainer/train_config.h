#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "trainer_core/text/whole_parameters.h"

namespace lorasweep::trainer {

enum class Schedule {
  kLinear,
  kCosine,
  kCosineWithRestarts,
  kCosineWithMinLr,
  kConstant,
  kConstantWithWarmup,
  kPolynomial,
  kInverseSqrt,
  kWarmupStableDecay,
};
enum class DecayShape { kLinear, kCosine, kOneMinusSqrt };
// PEFT's init_lora_weights: how an adapter begins (adapter_init.h).
enum class InitKind { kDefault, kGaussian, kPissa, kOlora };
struct InitSettings {
  InitKind kind = InitKind::kDefault;
  std::int64_t pissa_niter = 0;  // iterations of a randomised SVD; 0: the exact one

  // Whether the base model loses what the adapter begins with.
  bool TakesFromBase() const { return kind == InitKind::kPissa || kind == InitKind::kOlora; }
};
enum class Optimizer { kAdamW, kAdamW8bit, kSgd, kLion, kLion8bit, kAdafactor };

// One trial's training settings, with the meaning they have in TRL and PEFT. Everything that may differ between the
// slots of a pack.
struct TrainConfig {
  std::int64_t max_steps = 100;  // optimizer steps, also the schedule's horizon
  std::int64_t batch_size = 8;   // rows in one optimizer step
  double learning_rate = 2e-4;   // peak
  double warmup = 0;             // below 1: share of max_steps (rounded up), else steps
  Schedule schedule = Schedule::kLinear;
  double num_cycles = 0;       // waves of the cosines (0: half a one), restarts of kCosineWithRestarts (0: 1)
  double power = 1;            // of kPolynomial
  double lr_end = 1e-7;        // where kPolynomial ends
  double min_lr = 0;           // where kCosineWithMinLr ends
  double min_lr_rate = 0;      // the same as a share of learning_rate; of kWarmupStableDecay too
  std::int64_t timescale = 0;  // of kInverseSqrt, in steps; 0: the warm-up, or 10000 without one
  double decay_steps = 0.1;    // of kWarmupStableDecay: below 1: share of max_steps (rounded up), else steps
  DecayShape decay_type = DecayShape::kCosine;
  Optimizer optimizer = Optimizer::kAdamW;
  double momentum = 0;                  // of SGD
  double loraplus_lr_ratio = 1;         // LoRA+: rate of B and of all vectors over that of A; 1: no LoRA+
  double loraplus_lr_embedding = 1e-6;  // LoRA+: rate of an adapter on the embedding, at the schedule's peak
  double weight_decay = 0;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double max_grad_norm = 1;        // 0: no clipping
  double label_smoothing = 0;      // of the training loss; validation losses are without
  double neftune_noise_alpha = 0;  // 0: no noise on the embeddings
  std::int64_t lora_rank = 16;
  double lora_alpha = 32;
  double lora_dropout = 0;
  // Which modules, and their own ranks and alphas: text::AdapterTargets.
  std::vector<std::string> target_modules = {"all-linear"};
  std::vector<std::string> exclude_modules = {};
  text::WholeChoice whole = {};  // what is trained beside the adapters
  std::vector<std::int64_t> layers_to_transform = {};
  std::vector<std::pair<std::string, double>> rank_pattern = {};
  std::vector<std::pair<std::string, double>> alpha_pattern = {};
  bool use_rslora = false;
  bool use_dora = false;
  InitSettings init_lora_weights = {};
  std::string adapter = {};      // folder of an adapter to go on from, whose ranks, alphas, modules and kind then count
  std::int64_t eval_every = 20;  // steps; 0: only at the end
  std::int64_t save_every = 20;  // steps; 0: never
  // Of the first so many validation rows the adapter makes a Sample at each validation, of so many tokens at most.
  std::int64_t samples = 0;
  std::int64_t samples_tokens = 64;
  // Decided on the validation losses as transformers' Trainer and its EarlyStoppingCallback do (validation_history.h).
  bool load_best_model_at_end = false;       // the adapter of the lowest validation loss, not the last
  std::int64_t early_stopping_patience = 0;  // validations in a row without a better loss; 0: train to the end
  double early_stopping_threshold = 0;       // by how much a loss must be better to count

  // InvalidArgument names the setting, its value and what is allowed.
  absl::Status Validate() const;
};

}  // namespace lorasweep::trainer
