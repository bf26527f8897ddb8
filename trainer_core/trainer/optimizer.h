#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/optimizer_rules.h"
#include "trainer_core/trainer/train_config.h"

namespace lorasweep::trainer {

// L2 norms of the rows: [K, P] -> K numbers. Not finite where a row is not.
std::vector<double> RowNorms(const at::Tensor& gradients);

// Scales row k by min(1, max_norms[k] / (norms[k] + 1e-6)), as torch.nn.utils.clip_grad_norm_; max_norm 0: not at all.
void ClipRows(const std::vector<double>& norms, const std::vector<double>& max_norms, at::Tensor& gradients);

// A slot that takes a step.
struct SlotStep {
  std::size_t slot = 0;           // in the bank
  std::int64_t gradient_row = 0;  // of the pass's gradients
  Optimizer optimizer = Optimizer::kAdamW;
  OptimizerStep settings;
};

// One step of some slots of a bank, each by its own optimizer. Other rows of the bank are not touched. `gradients` is
// [K of the pass, P].
void StepSlots(const std::vector<SlotStep>& steps, const at::Tensor& gradients, LoraBank& bank);

}  // namespace lorasweep::trainer
