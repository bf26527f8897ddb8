#pragma once

#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "trainer_core/trainer/autograd_step.h"

namespace lorasweep::trainer {

// block(input), of whose inner values nothing is kept: the way back computes them again from the input (Chen et al.
// 2016, "Training Deep Nets with Sublinear Memory Cost"), so `block` must give the same numbers both times, dropout
// included. What it refers to must live until backward has run. `anchor` as for RunStep. Where gradients are off this
// is block(input).
template <typename Block>
at::Tensor Recomputed(const at::Tensor& input, const at::Tensor& anchor, Block block) {
  return RunStep(input, anchor, [input, block = std::move(block)] {
    const auto backward = [input, block](const at::Tensor& grad) {
      const at::AutoGradMode with_gradients(true);
      const at::Tensor leaf = input.detach().requires_grad_(true);
      return torch::autograd::grad({block(leaf)}, {leaf}, {grad}).front();
    };
    return AutogradStep{block(input), backward};
  });
}

}  // namespace lorasweep::trainer
