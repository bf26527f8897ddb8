#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/trainer/frozen_weight.h"
#include "trainer_core/trainer/lora_bank.h"

namespace lorasweep::trainer {

// Linear maps of the base model that read the same input.
struct FrozenLinear {
  std::int64_t layer = 0;
  std::vector<std::size_t> modules;   // places in text::LinearModules
  std::vector<FrozenWeight> weights;  // of each module
  std::vector<at::Tensor> biases;     // of each module [out], or undefined
};

// x W^T + bias + scale · dropout(x) A^T B^T at every adapted site. x is [K, T, in]; the result is flat: all of the
// first module's [K, T, out], then all of the second's: matrix products copy anything that is not in one piece.
// Backward adds the gradients of A and B to pass->gradients itself. It keeps x and the products with A. `pass` null:
// the base alone. A pass must live until backward has run.
at::Tensor LoraLinear(const at::Tensor& x, const FrozenLinear& linear, const LoraPass* pass);

}  // namespace lorasweep::trainer
