#pragma once

#include <ATen/ATen.h>

namespace lorasweep::trainer {

// The element-wise parts of a layer, as transformers computes them, differentiable in their first argument. On CPUs
// with kernels; the Composed ones are the same of torch's own operations, for other devices and as the test's
// reference.

// weight · (x / rms(x)), over the last dimension.
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon);
at::Tensor ComposedRmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// silu(gate) · up, where gate_up is all of gate, then all of up; the result has `shape`.
at::Tensor SwiGlu(const at::Tensor& gate_up, at::IntArrayRef shape);
at::Tensor ComposedSwiGlu(const at::Tensor& gate_up, at::IntArrayRef shape);

}  // namespace lorasweep::trainer
