#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/trainer/lora_bank.h"

namespace lorasweep::trainer {

// Linear maps of the base model that read the same input, as one product.
struct FrozenLinear {
  std::int64_t layer = 0;
  std::vector<Projection> projections;  // their outputs follow each other
  std::vector<std::int64_t> offsets;    // where each begins in the output
  at::Tensor weight;                    // [out, in]
  at::Tensor bias;                      // [out], or undefined
};

// x W^T + bias + scale · dropout(x) A^T B^T at every adapted site: [K, T, in] -> [K, T, out]. Backward adds the
// gradients of A and B to pass->gradients itself. It keeps x and the products with A. `pass` null: the base alone. A
// pass must live until backward has run.
at::Tensor LoraLinear(const at::Tensor& x, const FrozenLinear& linear, const LoraPass* pass);

}  // namespace lorasweep::trainer
