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
  // Of each module in text::ModelParameters, where slots may have their own; empty: they may not.
  std::vector<std::size_t> weight_parameters = {};
  std::vector<std::size_t> bias_parameters = {};
  bool transposed = false;  // own weights are [in, out]
};

// x W^T + bias + scale · dropout(x) A^T B^T at every adapted site, where W and bias are a slot's own if it has them. x
// is [K, T, in]; the result is flat: all of the first module's [K, T, out], then all of the second's: matrix products
// copy anything that is not in one piece. Backward adds the gradients of A, B and what is a slot's own to
// pass->gradients itself. It keeps x and the products with A. `pass` null: the base alone. A pass must live until
// backward has run. `rows`: what T counts, for the masks of dropout.
at::Tensor LoraLinear(const at::Tensor& x, const FrozenLinear& linear, const LoraPass* pass,
                      RowKind rows = RowKind::kTokens);

}  // namespace lorasweep::trainer
