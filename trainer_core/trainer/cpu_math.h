#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "trainer_core/trainer/cpu_dispatch.h"
#include "trainer_core/trainer/cpu_kernels.h"

// Element conversions and functions for kernels, in operations that vectorise.
namespace lorasweep::trainer::kernels {

LORASWEEP_INLINE float Load(float value) {
  return value;
}
LORASWEEP_INLINE float Load(Bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

LORASWEEP_INLINE void Store(float value, float& to) {
  to = value;
}
// Rounds to nearest even. A NaN whose payload would carry into the sign becomes the quiet NaN.
LORASWEEP_INLINE void Store(float value, Bf16& to) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  // No branch, and none that a compiler could make of it: it would keep the loop from becoming vectors.
  const std::uint32_t is_nan = (((bits & 0x7fffffffU) - 0x7f800001U) >> 31) - 1U;  // all ones or zeros
  to.bits = static_cast<std::uint16_t>((rounded & ~is_nan) | (0x7fc0U & is_nan));
}

template <typename T>
LORASWEEP_INLINE float Rounded(float value) {
  T rounded;
  Store(value, rounded);
  return Load(rounded);
}

// e^x to about 1e-7 relative (Cephes' expf), NaN for NaN, in operations that vectorise.
LORASWEEP_INLINE float Exp(float x) {
  x = x > 88.0F ? 88.0F : x;
  x = x < -87.0F ? -87.0F : x;
  const float n = std::floor(x * 1.44269504088896341F + 0.5F);
  x = x - n * 0.693359375F;
  x = x - n * -2.12194440e-4F;
  float y = 1.9875691500e-4F;
  y = y * x + 1.3981999507e-3F;
  y = y * x + 8.3334519073e-3F;
  y = y * x + 4.1665795894e-2F;
  y = y * x + 1.6666665459e-1F;
  y = y * x + 5.0000001201e-1F;
  y = y * x * x + x + 1.0F;
  const std::int32_t exponent = static_cast<std::int32_t>(n) + 127;
  return y * std::bit_cast<float>(exponent << 23);
}

// The largest of at least one value. Sixteen at once, since a compiler may not reorder a maximum by itself; NaN is left
// out.
template <typename T>
LORASWEEP_INLINE float Largest(const T* values, std::int64_t count) {
  constexpr std::int64_t kLanes = 16;
  float lanes[kLanes];
  for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = Load(values[0]);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const float value = Load(values[i + lane]);
      lanes[lane] = value > lanes[lane] ? value : lanes[lane];
    }
  }
  float largest = lanes[0];
  for (std::int64_t lane = 1; lane < kLanes; ++lane) largest = lanes[lane] > largest ? lanes[lane] : largest;
  for (; i < count; ++i) largest = Load(values[i]) > largest ? Load(values[i]) : largest;
  return largest;
}

}  // namespace lorasweep::trainer::kernels
