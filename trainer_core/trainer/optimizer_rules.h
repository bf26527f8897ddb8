#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/trainer/slot_matrix.h"

namespace lorasweep::trainer {

// One slot's settings for one step of its optimizer.
struct OptimizerStep {
  double learning_rate = 0;
  double loraplus_lr_ratio = 1;        // LoRA+: rate of B and of all vectors over that of matrices; 1: no LoRA+
  double loraplus_embedding_rate = 0;  // LoRA+: of an adapter on the embedding
  double weight_decay = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double momentum = 0;
  std::int64_t step = 1;  // 1 for the first: bias correction
};

// The settings for one kind of matrix. LoRA+ as peft.optimizers.create_loraplus_optimizer has it; biases and norms do
// not decay, as in transformers' Trainer. What is neither has its settings in full, without LoRA+.
OptimizerStep StepOf(const OptimizerStep& step, MatrixKind kind);

// What rules change: rows of slots with their own settings. All [K, P] fp32; parameters and moments are changed in
// place. The moments are 0 before the first step; where a gradient is 0 a parameter of 0 stays 0.
struct OptimizerRows {
  std::vector<OptimizerStep> steps;  // K
  at::Tensor gradients;
  at::Tensor parameters;
  at::Tensor first_moments;
  at::Tensor second_moments;
  at::Tensor in_a = {};  // [P] bool: the parameters of A matrices, where LoRA+ has another rate for the others
};

// torch.optim.AdamW: decay p *= 1 - lr·wd first, then the moments, bias correction, and epsilon outside the square
// root.
void StepAdamW(OptimizerRows& rows);

// torch.optim.SGD: weight decay is part of the gradient; no dampening, no Nesterov.
void StepSgd(OptimizerRows& rows);

// Lion (Chen et al. 2023) as bitsandbytes' lion32bit: p *= 1 - lr·wd, p -= lr·sign(β1·m + (1 - β1)·g), then m.
void StepLion(OptimizerRows& rows);

// transformers.optimization.Adafactor as its Trainer sets it up (scale_parameter and relative_step off, clip_threshold
// 1, decay_rate -0.8, no first moment), on one slot's rows [P] and their matrices. A matrix's row means are kept in
// the first column of its place in first_moments, column means in the first row of its place in second_moments; a
// vector's mean squares, which are not factored, in its place in second_moments.
void StepAdafactor(const OptimizerStep& step, const std::vector<SlotMatrix>& matrices, const at::Tensor& gradients,
                   at::Tensor parameters, at::Tensor first_moments, at::Tensor second_moments);

}  // namespace lorasweep::trainer
