#include "trainer_core/trainer/block_quantization.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "trainer_core/trainer/cpu_math.h"

namespace lorasweep::trainer {
namespace {

using kernels::ParallelRows;
using kernels::RunVectorized;

// 4-bit values in ascending order, what lies between neighbours, and the code of each.
struct FourBitTable {
  std::array<float, 16> values{};  // by code
  std::array<float, 15> bounds{};
  std::array<std::uint8_t, 16> codes{};           // by rank
  std::array<std::array<float, 2>, 256> pairs{};  // of a byte: high half, low half
};

FourBitTable MakeTable(const std::array<float, 16>& values) {
  FourBitTable table{.values = values};
  std::array<std::uint8_t, 16>& order = table.codes;
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint8_t>(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint8_t left, std::uint8_t right) { return values[left] < values[right]; });
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    table.bounds[i] = (values[order[i]] + values[order[i + 1]]) / 2.0F;
  }
  for (std::size_t byte = 0; byte < table.pairs.size(); ++byte) {
    table.pairs[byte] = {values[byte >> 4], values[byte & 15]};
  }
  return table;
}

const FourBitTable& TableOf(FourBitType type) {
  static const FourBitTable nf4 =
      MakeTable({-1.0F, -0.6961928009986877F, -0.5250730514526367F, -0.39491748809814453F, -0.28444138169288635F,
                 -0.18477343022823334F, -0.09105003625154495F, 0.0F, 0.07958029955625534F, 0.16093020141124725F,
                 0.24611230194568634F, 0.33791524171829224F, 0.44070982933044434F, 0.5626170039176941F,
                 0.7229568362236023F, 1.0F});
  static const FourBitTable fp4 = [] {
    std::array<float, 16> values = {0, 0.0625F, 8, 12, 4, 6, 2, 3, 0, -0.0625F, -8, -12, -4, -6, -2, -3};
    for (float& value : values) value /= 12.0F;
    return MakeTable(values);
  }();
  return type == FourBitType::kNf4 ? nf4 : fp4;
}

LORASWEEP_INLINE float LargestMagnitude(const float* values, std::int64_t count) {
  std::uint32_t largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    // Without their sign, floats order as their bits do.
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(values[i]) & 0x7fffffffU;
    largest = bits > largest ? bits : largest;
  }
  return std::bit_cast<float>(largest);
}

// Rank of the nearest value of each number of a block; ties go down.
LORASWEEP_INLINE void RankBlock(const FourBitTable& table, const float* values, std::int64_t count, bool whole,
                                float& absmax, std::uint8_t* ranks) {
  constexpr float kTiny = 1e-38F;
  absmax = LargestMagnitude(values, count);
  // bitsandbytes multiplies by the reciprocal in whole blocks and divides in a rest; a rest's scale is never 0.
  if (!whole) absmax = std::max(absmax, kTiny);
  const float inverse = 1.0F / std::max(absmax, kTiny);
  for (std::int64_t i = 0; i < count; ++i) {
    float scaled = whole ? values[i] * inverse : values[i] / absmax;
    scaled = scaled < -1.0F ? -1.0F : scaled;
    scaled = scaled > 1.0F ? 1.0F : scaled;
    std::int32_t rank = 0;
    for (const float bound : table.bounds) rank += bound < scaled ? 1 : 0;
    ranks[i] = static_cast<std::uint8_t>(rank);
  }
}

// torch.linspace(0.1, 1, count) in fp32: from both ends, with fused multiply-adds.
std::vector<float> Linspace(std::int64_t count) {
  constexpr float kFirst = 0.1F;
  constexpr float kLast = 1.0F;
  const float step = (kLast - kFirst) / static_cast<float>(count - 1);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(i < count / 2 ? std::fma(step, static_cast<float>(i), kFirst)
                                   : std::fma(-step, static_cast<float>(count - 1 - i), kLast));
  }
  return values;
}

}  // namespace

const std::array<float, 16>& FourBitValues(FourBitType type) {
  return TableOf(type).values;
}

void QuantizeFourBit(FourBitType type, std::span<const float> values, std::span<std::uint8_t> packed,
                     std::span<float> absmax) {
  const FourBitTable& table = TableOf(type);
  const auto count = static_cast<std::int64_t>(values.size());
  ParallelRows(Blocks(count, kFourBitBlock), kFourBitBlock, [&](std::int64_t begin, std::int64_t end) {
    RunVectorized([&]() LORASWEEP_INLINE_BODY {
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t first = block * kFourBitBlock;
        const std::int64_t here = std::min(kFourBitBlock, count - first);
        std::uint8_t ranks[kFourBitBlock];
        float& scale = absmax[static_cast<std::size_t>(block)];
        if (here == kFourBitBlock) {
          RankBlock(table, values.data() + first, kFourBitBlock, true, scale, ranks);
        } else {
          RankBlock(table, values.data() + first, here, false, scale, ranks);
        }
        std::uint8_t* bytes = packed.data() + first / 2;
        for (std::int64_t i = 0; i < FourBitBytes(here); ++i) {
          // An odd end is filled up with a zero, whose rank is 7 in both types.
          const std::uint8_t low = 2 * i + 1 < here ? ranks[2 * i + 1] : 7;
          bytes[i] = static_cast<std::uint8_t>(table.codes[ranks[2 * i]] << 4 | table.codes[low]);
        }
      }
    });
  });
}

template <typename T>
void DequantizeFourBit(FourBitType type, std::span<const std::uint8_t> packed, std::span<const float> absmax,
                       std::span<T> values) {
  const FourBitTable& table = TableOf(type);
  const auto count = static_cast<std::int64_t>(values.size());
  ParallelRows(Blocks(count, kFourBitBlock), kFourBitBlock, [&](std::int64_t begin, std::int64_t end) {
    RunVectorized([&]() LORASWEEP_INLINE_BODY {
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t first = block * kFourBitBlock;
        const std::int64_t here = std::min(kFourBitBlock, count - first);
        const std::uint8_t* bytes = packed.data() + first / 2;
        float wide[kFourBitBlock];
        for (std::int64_t i = 0; i < FourBitBytes(here); ++i) {
          std::memcpy(wide + 2 * i, table.pairs[bytes[i]].data(), 2 * sizeof(float));
        }
        const float scale = absmax[static_cast<std::size_t>(block)];
        T* to = values.data() + first;
        for (std::int64_t i = 0; i < here; ++i) kernels::Store(wide[i] * scale, to[i]);
      }
    });
  });
}

DynamicMap::DynamicMap(bool with_sign) {
  std::vector<float> all = {0.0F, 1.0F};
  constexpr int kExponents = 7;
  for (int exponent = 0; exponent < kExponents; ++exponent) {
    const std::vector<float> boundaries = Linspace((std::int64_t{1} << (with_sign ? exponent : exponent + 1)) + 1);
    const auto power = static_cast<float>(std::pow(10.0, exponent - (kExponents - 1)));
    for (std::size_t i = 0; i + 1 < boundaries.size(); ++i) {
      const float mean = (boundaries[i] + boundaries[i + 1]) / 2.0F;
      all.push_back(power * mean);
      if (with_sign) all.push_back(-(power * mean));
    }
  }
  std::sort(all.begin(), all.end());
  std::copy(all.begin(), all.end(), values_.begin());

  std::size_t code = 0;
  for (std::int64_t place = 0; place < kPlaces; ++place) {
    const float value = -1.0F + (2.0F * static_cast<float>(place)) / static_cast<float>(kPlaces - 1);
    while (code + 1 < values_.size() && 0.5F * (values_[code] + values_[code + 1]) < value) ++code;
    nearest_[static_cast<std::size_t>(place)] = static_cast<std::uint8_t>(code);
  }
}

const DynamicMap& DynamicMap::Signed() {
  static const DynamicMap map(true);
  return map;
}

const DynamicMap& DynamicMap::Unsigned() {
  static const DynamicMap map(false);
  return map;
}

void DynamicMap::Quantize(std::span<const float> values, std::span<std::uint8_t> codes, std::span<float> absmax) const {
  const auto count = static_cast<std::int64_t>(values.size());
  ParallelRows(Blocks(count, kDynamicBlock), kDynamicBlock, [&](std::int64_t begin, std::int64_t end) {
    RunVectorized([&]() LORASWEEP_INLINE_BODY {
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t first = block * kDynamicBlock;
        const std::int64_t here = std::min(kDynamicBlock, count - first);
        const float* from = values.data() + first;
        std::uint8_t* to = codes.data() + first;
        const float scale = LargestMagnitude(from, here);
        absmax[static_cast<std::size_t>(block)] = scale;
        if (scale == 0) {
          std::memset(to, 0, static_cast<std::size_t>(here));
          continue;
        }
        const float inverse = 1.0F / scale;
        for (std::int64_t i = 0; i < here; ++i) {
          float scaled = from[i] * inverse;
          scaled = scaled < -1.0F ? -1.0F : scaled;
          scaled = scaled > 1.0F ? 1.0F : scaled;
          // NaN takes the middle: its index must stay in the table.
          scaled = scaled == scaled ? scaled : 0.0F;
          to[i] = nearest_[static_cast<std::size_t>(
              static_cast<std::int32_t>((scaled + 1.0F) * 0.5F * static_cast<float>(kPlaces - 1) + 0.5F))];
        }
      }
    });
  });
}

void DynamicMap::Dequantize(std::span<const std::uint8_t> codes, std::span<const float> absmax,
                            std::span<float> values) const {
  const auto count = static_cast<std::int64_t>(codes.size());
  ParallelRows(Blocks(count, kDynamicBlock), kDynamicBlock, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t last = std::min(count, (block + 1) * kDynamicBlock);
      const float scale = absmax[static_cast<std::size_t>(block)];
      for (auto i = static_cast<std::size_t>(block * kDynamicBlock); i < static_cast<std::size_t>(last); ++i) {
        values[i] = values_[codes[i]] * scale;
      }
    }
  });
}

void QuantizeRows(std::span<const float> values, std::int64_t width, std::span<std::int8_t> codes,
                  std::span<float> absmax) {
  ParallelRows(static_cast<std::int64_t>(absmax.size()), width, [&](std::int64_t begin, std::int64_t end) {
    RunVectorized([&]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* from = values.data() + row * width;
        std::int8_t* to = codes.data() + row * width;
        const float scale = LargestMagnitude(from, width);
        absmax[static_cast<std::size_t>(row)] = scale;
        const float factor = scale == 0 ? 0.0F : 127.0F / scale;
        for (std::int64_t i = 0; i < width; ++i) {
          to[i] = static_cast<std::int8_t>(std::nearbyint(from[i] * factor));
        }
      }
    });
  });
}

template <typename T>
void DequantizeRows(std::span<const std::int8_t> codes, std::int64_t width, std::span<const float> absmax,
                    std::span<T> values) {
  constexpr float kOver127 = 7.874015718698502e-3F;
  ParallelRows(static_cast<std::int64_t>(absmax.size()), width, [&](std::int64_t begin, std::int64_t end) {
    RunVectorized([&]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int8_t* from = codes.data() + row * width;
        T* to = values.data() + row * width;
        const float scale = absmax[static_cast<std::size_t>(row)];
        for (std::int64_t i = 0; i < width; ++i) kernels::Store(static_cast<float>(from[i]) * scale * kOver127, to[i]);
      }
    });
  });
}

template void DequantizeFourBit(FourBitType, std::span<const std::uint8_t>, std::span<const float>, std::span<float>);
template void DequantizeFourBit(FourBitType, std::span<const std::uint8_t>, std::span<const float>,
                                std::span<kernels::Bf16>);
template void DequantizeRows(std::span<const std::int8_t>, std::int64_t, std::span<const float>, std::span<float>);
template void DequantizeRows(std::span<const std::int8_t>, std::int64_t, std::span<const float>,
                             std::span<kernels::Bf16>);

}  // namespace lorasweep::trainer
