#pragma once

#include <cstddef>

#include <ATen/ATen.h>

#include "trainer_core/trainer/layer_ops.h"
#include "trainer_core/trainer/lora_bank.h"

namespace lorasweep::trainer {

// A norm of the base model of which slots may have their own.
struct ModelNorm {
  Norm frozen;
  std::size_t weight_parameter = 0;  // places in text::ModelParameters
  std::size_t bias_parameter = 0;    // kLayer
};

// Normalize x [K, …, width] by each slot's own norm or the base's. Backward adds the gradients of what is a slot's own
// to pass->gradients itself; it computes the norms again. A pass, which may be null, must live until backward has run.
at::Tensor Normalize(const at::Tensor& x, const ModelNorm& norm, const LoraPass* pass);

// NormalizeHeads likewise; qkv is flat.
at::Tensor NormalizeHeads(const at::Tensor& qkv, const ModelNorm& query_norm, std::int64_t queries,
                          const ModelNorm& key_norm, std::int64_t keys, const LoraPass* pass);

}  // namespace lorasweep::trainer
