#pragma once

#include <array>
#include <cstdint>
#include <span>

// Numbers in 4 and 8 bits, in blocks that share a scale, equal bit for bit to bitsandbytes 0.50.2 on a CPU. A block's
// scale is its largest magnitude ("absmax"); what is kept of a number is the place of the nearest value in a fixed
// list, times that scale. The last block may be shorter. Free of torch; parallel and vectorised; results do not depend
// on the number of threads.
//
//   std::vector<std::uint8_t> packed(FourBitBytes(n));
//   std::vector<float> scales(Blocks(n, kFourBitBlock));
//   QuantizeFourBit(FourBitType::kNf4, values, packed, scales);
namespace lorasweep::trainer {

inline constexpr std::int64_t kFourBitBlock = 64;
inline constexpr std::int64_t kDynamicBlock = 256;

constexpr std::int64_t Blocks(std::int64_t count, std::int64_t block) {
  return (count + block - 1) / block;
}
constexpr std::int64_t FourBitBytes(std::int64_t count) {
  return (count + 1) / 2;
}

// The sixteen values of a 4-bit type: NF4 has quantiles of the normal distribution (Dettmers et al. 2023), FP4 a sign,
// two bits of exponent and one of mantissa.
enum class FourBitType { kNf4, kFp4 };
const std::array<float, 16>& FourBitValues(FourBitType type);

// Two numbers a byte, the first in the high half. `packed` has FourBitBytes, `absmax` Blocks(n, kFourBitBlock)
// elements.
void QuantizeFourBit(FourBitType type, std::span<const float> values, std::span<std::uint8_t> packed,
                     std::span<float> absmax);
// T is float or kernels::Bf16: float arithmetic, one rounding.
template <typename T>
void DequantizeFourBit(FourBitType type, std::span<const std::uint8_t> packed, std::span<const float> absmax,
                       std::span<T> values);

// bitsandbytes' 8-bit "dynamic" values: ascending, dense around 0, from its create_dynamic_map. Signed ones keep scales
// of weights and Adam's first moments, unsigned ones its second moments.
class DynamicMap {
 public:
  static const DynamicMap& Signed();
  static const DynamicMap& Unsigned();

  const std::array<float, 256>& values() const { return values_; }
  // Blocks of kDynamicBlock; `absmax` has one element a block. The nearest value is looked up after rounding to one of
  // 65536 places in [-1, 1], as bitsandbytes does on a CPU (on a GPU it is searched exactly).
  void Quantize(std::span<const float> values, std::span<std::uint8_t> codes, std::span<float> absmax) const;
  void Dequantize(std::span<const std::uint8_t> codes, std::span<const float> absmax, std::span<float> values) const;

 private:
  explicit DynamicMap(bool with_sign);

  static constexpr std::int64_t kPlaces = 65536;
  std::array<float, 256> values_{};
  std::array<std::uint8_t, kPlaces> nearest_{};
};

// A matrix's rows in int8, each with its own absmax over 127: how LLM.int8() (Dettmers et al. 2022) keeps weights.
// bitsandbytes takes fp16 weights: `values` are to be rounded to that before.
void QuantizeRows(std::span<const float> values, std::int64_t width, std::span<std::int8_t> codes,
                  std::span<float> absmax);
template <typename T>
void DequantizeRows(std::span<const std::int8_t> codes, std::int64_t width, std::span<const float> absmax,
                    std::span<T> values);

}  // namespace lorasweep::trainer
