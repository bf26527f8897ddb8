#pragma once

#include <ATen/ATen.h>

#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {

// The type of the frozen base on a device.
inline at::ScalarType ChooseType(Precision precision, const DeviceInfo& device) {
  if (precision == Precision::kAuto) return device.native_bf16 ? at::kBFloat16 : at::kFloat;
  if (precision == Precision::kFp16) return at::kHalf;
  return precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat;
}

inline const char* NameOf(at::ScalarType type) {
  if (type == at::kHalf) return "fp16";
  return type == at::kBFloat16 ? "bf16" : "fp32";
}

}  // namespace lorasweep::trainer
