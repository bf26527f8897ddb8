// Bit for bit against bitsandbytes' own numbers (reference/make_bitsandbytes_reference.py).
#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/support/paths.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/trainer/block_quantization.h"
#include "trainer_core/trainer/cpu_kernels.h"

namespace lorasweep::trainer {
namespace {

const text::Safetensors& Reference() {
  static const auto file = text::Safetensors::Open(testing::SourceDir() / "tests" / "trainer_core" / "trainer" /
                                                   "reference" / "bitsandbytes.safetensors");
  REQUIRE(file.ok());
  return *file;
}

template <typename T>
std::vector<T> Recorded(const std::string& name) {
  const text::TensorView* view = Reference().Find(name);
  INFO(name);
  REQUIRE(view != nullptr);
  REQUIRE(static_cast<std::size_t>(text::DTypeSize(view->dtype)) == sizeof(T));
  std::vector<T> values(view->bytes.size() / sizeof(T));
  std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

// The same bits, zeros of both signs told apart.
template <typename T>
bool SameBits(const std::vector<T>& mine, const std::vector<T>& theirs) {
  return mine.size() == theirs.size() && std::memcmp(mine.data(), theirs.data(), mine.size() * sizeof(T)) == 0;
}

void CompareFourBit(FourBitType type, const std::string& name) {
  const auto weights = Recorded<float>("weights");
  const auto count = static_cast<std::int64_t>(weights.size());
  std::vector<std::uint8_t> packed(static_cast<std::size_t>(FourBitBytes(count)));
  std::vector<float> absmax(static_cast<std::size_t>(Blocks(count, kFourBitBlock)));
  QuantizeFourBit(type, weights, packed, absmax);
  CHECK(packed == Recorded<std::uint8_t>(name + ".packed"));
  CHECK(SameBits(absmax, Recorded<float>(name + ".absmax")));
  std::vector<float> wide(weights.size());
  DequantizeFourBit(type, packed, absmax, std::span(wide));
  CHECK(SameBits(wide, Recorded<float>(name + ".fp32")));
  std::vector<kernels::Bf16> narrow(weights.size());
  DequantizeFourBit(type, packed, absmax, std::span(narrow));
  CHECK(SameBits(narrow, Recorded<kernels::Bf16>(name + ".bf16")));
}

TEST_CASE("NF4 equals bitsandbytes bit for bit: codes, scales and what is made of them") {
  CompareFourBit(FourBitType::kNf4, "nf4");
}

TEST_CASE("FP4 equals bitsandbytes bit for bit") {
  CompareFourBit(FourBitType::kFp4, "fp4");
}

TEST_CASE("the dynamic 8-bit maps and what they make of numbers equal bitsandbytes bit for bit") {
  for (const auto& [map, name] : {std::pair{&DynamicMap::Signed(), std::string("signed")},
                                  std::pair{&DynamicMap::Unsigned(), std::string("unsigned")}}) {
    INFO(name);
    CHECK(SameBits(std::vector<float>(map->values().begin(), map->values().end()), Recorded<float>(name + ".map")));
    const auto values = Recorded<float>(name + ".values");
    std::vector<std::uint8_t> codes(values.size());
    std::vector<float> absmax(static_cast<std::size_t>(Blocks(static_cast<std::int64_t>(values.size()), 256)));
    map->Quantize(values, codes, absmax);
    CHECK(codes == Recorded<std::uint8_t>(name + ".codes"));
    CHECK(SameBits(absmax, Recorded<float>(name + ".absmax")));
    std::vector<float> back(values.size());
    map->Dequantize(codes, absmax, back);
    CHECK(SameBits(back, Recorded<float>(name + ".fp32")));
  }
}

TEST_CASE("a weight's scales, quantised once more, equal bitsandbytes' bit for bit") {
  auto scales = Recorded<float>("double.scales");
  const float offset = Recorded<float>("double.offset").front();
  for (float& scale : scales) scale -= offset;
  std::vector<std::uint8_t> codes(scales.size());
  std::vector<float> absmax(2);
  DynamicMap::Signed().Quantize(scales, codes, absmax);
  CHECK(codes == Recorded<std::uint8_t>("double.codes"));
  CHECK(SameBits(absmax, Recorded<float>("double.absmax")));
  DynamicMap::Signed().Dequantize(codes, absmax, scales);
  for (float& scale : scales) scale += offset;
  CHECK(SameBits(scales, Recorded<float>("double.fp32")));
}

TEST_CASE("numbers that are none stay within the 8-bit map") {
  std::vector<float> values(300, std::numeric_limits<float>::quiet_NaN());
  values[7] = std::numeric_limits<float>::infinity();
  values[270] = 1;
  std::vector<std::uint8_t> codes(values.size());
  std::vector<float> absmax(2);
  DynamicMap::Signed().Quantize(values, codes, absmax);
  CHECK(std::isnan(absmax[0]));
}

TEST_CASE("int8 rows equal LLM.int8()'s bit for bit") {
  constexpr std::int64_t kWidth = 40;
  std::vector<float> values;
  for (const std::uint16_t bits : Recorded<std::uint16_t>("int8.values")) {
    const int exponent = (bits >> 10) & 31;
    const auto mantissa = static_cast<float>(bits & 1023) + (exponent == 0 ? 0.0F : 1024.0F);
    values.push_back(std::ldexp(mantissa, std::max(exponent, 1) - 25) * ((bits >> 15) != 0 ? -1.0F : 1.0F));
  }
  std::vector<std::int8_t> codes(values.size());
  std::vector<float> absmax(values.size() / kWidth);
  QuantizeRows(values, kWidth, codes, absmax);
  CHECK(codes == Recorded<std::int8_t>("int8.codes"));
  CHECK(SameBits(absmax, Recorded<float>("int8.absmax")));
  std::vector<float> back(values.size());
  DequantizeRows(std::span<const std::int8_t>(codes), kWidth, absmax, std::span(back));
  CHECK(SameBits(back, Recorded<float>("int8.fp32")));
}

}  // namespace
}  // namespace lorasweep::trainer
