#pragma once

#include <ATen/ATen.h>

#include "trainer_core/trainer/block_quantization.h"

namespace lorasweep::trainer {

// block_quantization.h on tensors of any device: its own loops on a CPU, the same made of torch's operations elsewhere.
// There, the nearest 8-bit value is searched exactly, as bitsandbytes' GPU kernels do. All tensors are contiguous.

// fp32, as many as codes (uint8); one fp32 scale for every kDynamicBlock.
at::Tensor DequantizeDynamic(const DynamicMap& map, const at::Tensor& codes, const at::Tensor& scales);
// Fills codes and scales from fp32 values.
void QuantizeDynamic(const DynamicMap& map, const at::Tensor& values, at::Tensor& codes, at::Tensor& scales);

// Into `values`, fp32, bf16 or fp16 of any shape. `packed` is uint8, `scales` has one fp32 number for kFourBitBlock.
void DequantizeFourBitTo(FourBitType type, const at::Tensor& packed, const at::Tensor& scales, at::Tensor& values);
// The same of rows in int8: `codes` and `values` are [rows, width], `scales` is [rows].
void DequantizeRowsTo(const at::Tensor& codes, const at::Tensor& scales, at::Tensor& values);

}  // namespace lorasweep::trainer
