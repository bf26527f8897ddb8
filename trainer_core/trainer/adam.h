#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/trainer/train_config.h"

namespace lorasweep::trainer {

// One slot's settings for one step of AdamW.
struct AdamStep {
  double learning_rate = 0;
  double weight_decay = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  std::int64_t step = 1;  // 1 for the first: bias correction
};

// L2 norms of the rows: [K, P] -> K numbers. Not finite where a row is not.
std::vector<double> RowNorms(const at::Tensor& gradients);

// Scales row k by min(1, max_norms[k] / (norms[k] + 1e-6)), as torch.nn.utils.clip_grad_norm_; max_norm 0: not at all.
void ClipRows(const std::vector<double>& norms, const std::vector<double>& max_norms, at::Tensor& gradients);

// torch.optim.AdamW, each row with its own settings: decay p *= 1 - lr·wd first, then the moments, bias correction, and
// epsilon outside the square root. All tensors [K, P] fp32; parameters and moments are changed in place.
void StepRows(const std::vector<AdamStep>& steps, const at::Tensor& gradients, at::Tensor& parameters,
              at::Tensor& first_moments, at::Tensor& second_moments);

}  // namespace lorasweep::trainer
