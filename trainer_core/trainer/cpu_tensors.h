#pragma once

#include <ATen/ATen.h>

#include "trainer_core/trainer/cpu_kernels.h"
#include "trainer_core/trainer/process.h"

namespace lorasweep::trainer {

// Whether the kernels for CPUs take this tensor; else, and on the plain path, an operation is composed of torch's own.
inline bool HasKernels(const at::Tensor& tensor) {
  return tensor.is_cpu() && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16) &&
         !PlainPath();
}

// Calls work(T{}) with the kernels' element type of a tensor for which HasKernels holds.
template <typename Work>
void WithElementType(const at::Tensor& tensor, const Work& work) {
  if (tensor.scalar_type() == at::kFloat) {
    work(float{});
  } else {
    work(kernels::Bf16{});
  }
}

// The elements of a contiguous tensor.
template <typename T>
T* Data(const at::Tensor& tensor) {
  TORCH_INTERNAL_ASSERT(tensor.is_contiguous() && tensor.element_size() == sizeof(T));
  return static_cast<T*>(tensor.data_ptr());
}

}  // namespace lorasweep::trainer
