#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {

// Memory that this process may use: the machine's, or its container's limit.
std::int64_t CpuMemoryBytes();
// Whether the processor multiplies bfloat16 itself (AVX512-BF16 or AMX). Without it, torch's bf16 products are slower
// than its fp32 ones.
bool CpuHasBf16();
// The device that a person named; "auto" is the first GPU, else the CPU. InvalidArgument lists those there are.
absl::StatusOr<DeviceInfo> ChooseDevice(const std::string& wanted);

}  // namespace lorasweep::trainer
