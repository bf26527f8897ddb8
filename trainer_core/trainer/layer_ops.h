#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/text/model_config.h"

namespace lorasweep::trainer {

// The parts of a layer between its matrix products, as transformers computes them, differentiable in their first
// argument. On CPUs with kernels; the Composed ones are the same of torch's own operations, for other devices and as
// the test's reference.

// A frozen norm over the last dimension.
struct Norm {
  text::NormKind kind = text::NormKind::kRms;
  double epsilon = 0;
  at::Tensor weight;  // fp32 for the RMS kinds, with its 1 added for kRmsPlusOne; the model's type for kLayer
  at::Tensor bias;    // kLayer
};
at::Tensor Normalize(const at::Tensor& x, const Norm& norm);
at::Tensor ComposedNormalize(const at::Tensor& x, const Norm& norm);

// Norms each head of the first queries + keys elements of qkv; the rest are values.
at::Tensor NormalizeHeads(const at::Tensor& qkv, const Norm& query_norm, std::int64_t queries, const Norm& key_norm,
                          std::int64_t keys);

at::Tensor Activate(const at::Tensor& x, text::Activation activation);
// activation(gate) · up, where gate_up is all of gate, then all of up; the result has `shape`.
at::Tensor GatedUnit(const at::Tensor& gate_up, at::IntArrayRef shape, text::Activation activation);
at::Tensor ComposedGatedUnit(const at::Tensor& gate_up, at::IntArrayRef shape, text::Activation activation);

// What a fused linear map gives, rows of all parts side by side, as its parts one after the other; flat, like it.
at::Tensor SplitFused(const at::Tensor& flat, const std::vector<std::int64_t>& widths);

// cap · tanh(x / cap)
at::Tensor Softcap(const at::Tensor& x, double cap);

}  // namespace lorasweep::trainer
