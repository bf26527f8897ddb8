#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "trainer_core/text/dtype.h"

// Weights of the three floating-point types that models are stored in, as floats and back.
namespace lorasweep::text {

// F32, F16 or BF16.
bool IsFloat(DType dtype);

// Exact. `bytes` holds out.size() elements of a type that IsFloat.
void ToFloats(DType dtype, std::span<const std::byte> bytes, std::span<float> out);
// Rounds to nearest, ties to even; what is too large becomes infinite, NaN stays NaN. `out` has values.size() elements.
void FromFloats(DType dtype, std::span<const float> values, std::span<std::byte> out);

// The bits of one IEEE half-precision number.
float HalfToFloat(std::uint16_t half);
std::uint16_t FloatToHalf(float value);
std::uint16_t FloatToBfloat16(float value);

}  // namespace lorasweep::text
