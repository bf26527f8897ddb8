#pragma once

#include <ATen/ATen.h>

#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {

// The type of the frozen base on a device.
inline at::ScalarType ChooseType(Precision precision, const DeviceInfo& device) {
  if (precision == Precision::kAuto) return device.native_bf16 ? at::kBFloat16 : at::kFloat;
  return precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat;
}

}  // namespace lorasweep::trainer
