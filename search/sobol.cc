#include "search/sobol.h"

#include <array>
#include <bit>

#include "search/sampler.h"

namespace lorasweep::search {
namespace {

constexpr int kBits = 32;

// A primitive polynomial over GF(2), its coefficients as bits, and the odd numbers that start its recurrence.
struct Direction {
  std::uint32_t polynomial;
  std::array<std::uint32_t, 9> initial;
};

// new-joe-kuo-6.21201 for the second dimension and on.
constexpr Direction kDirections[kSobolDimensions - 1] = {{3, {1}},
                                                         {7, {1, 3}},
                                                         {11, {1, 3, 1}},
                                                         {13, {1, 1, 1}},
                                                         {19, {1, 1, 3, 3}},
                                                         {25, {1, 3, 5, 13}},
                                                         {37, {1, 1, 5, 5, 17}},
                                                         {41, {1, 1, 5, 5, 5}},
                                                         {47, {1, 1, 7, 11, 19}},
                                                         {55, {1, 1, 5, 1, 1}},
                                                         {59, {1, 1, 1, 3, 11}},
                                                         {61, {1, 3, 5, 5, 31}},
                                                         {67, {1, 3, 3, 9, 7, 49}},
                                                         {91, {1, 1, 1, 15, 21, 21}},
                                                         {97, {1, 3, 1, 13, 27, 49}},
                                                         {103, {1, 1, 1, 15, 7, 5}},
                                                         {109, {1, 3, 1, 15, 13, 25}},
                                                         {115, {1, 1, 5, 5, 19, 61}},
                                                         {131, {1, 3, 7, 11, 23, 15, 103}},
                                                         {137, {1, 3, 7, 13, 13, 15, 69}},
                                                         {143, {1, 1, 3, 13, 7, 35, 63}},
                                                         {145, {1, 3, 5, 9, 1, 25, 53}},
                                                         {157, {1, 3, 1, 13, 9, 35, 107}},
                                                         {167, {1, 3, 1, 5, 27, 61, 31}},
                                                         {171, {1, 1, 5, 11, 19, 41, 61}},
                                                         {185, {1, 3, 5, 3, 3, 13, 69}},
                                                         {191, {1, 1, 7, 13, 1, 19, 1}},
                                                         {193, {1, 3, 7, 5, 13, 19, 59}},
                                                         {203, {1, 1, 3, 9, 25, 29, 41}},
                                                         {211, {1, 3, 5, 13, 23, 1, 55}},
                                                         {213, {1, 3, 7, 3, 13, 59, 17}},
                                                         {229, {1, 3, 1, 3, 5, 53, 69}},
                                                         {239, {1, 1, 5, 5, 23, 33, 13}},
                                                         {241, {1, 1, 7, 7, 1, 61, 123}},
                                                         {247, {1, 1, 7, 9, 13, 61, 49}},
                                                         {253, {1, 3, 3, 5, 3, 55, 33}},
                                                         {285, {1, 3, 1, 15, 31, 13, 49, 245}},
                                                         {299, {1, 3, 5, 15, 31, 59, 63, 97}},
                                                         {301, {1, 3, 1, 11, 11, 11, 77, 249}},
                                                         {333, {1, 3, 1, 11, 27, 43, 71, 9}},
                                                         {351, {1, 1, 7, 15, 21, 11, 81, 45}},
                                                         {355, {1, 3, 7, 3, 25, 31, 65, 79}},
                                                         {357, {1, 3, 1, 1, 19, 11, 3, 205}},
                                                         {361, {1, 1, 5, 9, 19, 21, 29, 157}},
                                                         {369, {1, 3, 7, 11, 1, 33, 89, 185}},
                                                         {391, {1, 3, 3, 3, 15, 9, 79, 71}},
                                                         {397, {1, 3, 7, 11, 15, 39, 119, 27}},
                                                         {425, {1, 1, 3, 1, 11, 31, 97, 225}},
                                                         {451, {1, 1, 1, 3, 23, 43, 57, 177}},
                                                         {463, {1, 3, 7, 7, 17, 17, 37, 71}},
                                                         {487, {1, 3, 1, 5, 27, 63, 123, 213}},
                                                         {501, {1, 1, 3, 5, 11, 43, 53, 133}},
                                                         {529, {1, 3, 5, 5, 29, 17, 47, 173, 479}},
                                                         {539, {1, 3, 3, 11, 3, 1, 109, 9, 69}},
                                                         {545, {1, 1, 1, 5, 17, 39, 23, 5, 343}},
                                                         {557, {1, 3, 1, 5, 25, 15, 31, 103, 499}},
                                                         {563, {1, 1, 1, 11, 11, 17, 63, 105, 183}},
                                                         {601, {1, 1, 5, 11, 9, 29, 97, 231, 363}},
                                                         {607, {1, 1, 5, 15, 19, 45, 41, 7, 383}},
                                                         {617, {1, 3, 7, 7, 31, 19, 83, 137, 221}},
                                                         {623, {1, 1, 1, 3, 23, 15, 111, 223, 83}},
                                                         {631, {1, 1, 5, 13, 31, 15, 55, 25, 161}},
                                                         {637, {1, 1, 3, 13, 25, 47, 39, 87, 257}}};

std::array<std::uint32_t, kBits> DirectionNumbers(int dimension) {
  std::array<std::uint32_t, kBits> numbers{};
  if (dimension == 0) {
    for (int i = 0; i < kBits; ++i) numbers[static_cast<std::size_t>(i)] = 1u << (kBits - 1 - i);
    return numbers;
  }
  const Direction& direction = kDirections[dimension - 1];
  const auto degree = static_cast<std::size_t>(std::bit_width(direction.polynomial)) - 1;
  for (std::size_t i = 0; i < kBits; ++i) {
    if (i < degree) {
      numbers[i] = direction.initial[i] << (kBits - 1 - i);
      continue;
    }
    numbers[i] = numbers[i - degree] ^ (numbers[i - degree] >> degree);
    for (std::size_t k = 1; k < degree; ++k) {
      if ((direction.polynomial >> (degree - k)) & 1u) numbers[i] ^= numbers[i - k];
    }
  }
  return numbers;
}

std::uint32_t Bits(int dimension, std::uint32_t index) {
  const std::array<std::uint32_t, kBits> numbers = DirectionNumbers(dimension);
  std::uint32_t bits = 0;
  std::uint32_t gray = index ^ (index >> 1);
  for (std::size_t i = 0; gray != 0; ++i, gray >>= 1) {
    if (gray & 1u) bits ^= numbers[i];
  }
  return bits;
}

std::uint32_t Reversed(std::uint32_t bits) {
  bits = ((bits >> 1) & 0x55555555u) | ((bits & 0x55555555u) << 1);
  bits = ((bits >> 2) & 0x33333333u) | ((bits & 0x33333333u) << 2);
  bits = ((bits >> 4) & 0x0f0f0f0fu) | ((bits & 0x0f0f0f0fu) << 4);
  bits = ((bits >> 8) & 0x00ff00ffu) | ((bits & 0x00ff00ffu) << 8);
  return (bits >> 16) | (bits << 16);
}

// Every bit depends on those below it only: seen from the other end, on those that are more significant.
std::uint32_t LaineKarras(std::uint32_t bits, std::uint32_t seed) {
  bits += seed;
  bits ^= bits * 0x6c50b47cu;
  bits ^= bits * 0xb82f1e52u;
  bits ^= bits * 0xc7afe638u;
  bits ^= bits * 0x8d22f6e6u;
  return bits;
}

}  // namespace

double SobolCoordinate(int dimension, std::uint32_t index) {
  return Bits(dimension, index) * 0x1p-32;
}

double ScrambledSobolCoordinate(int dimension, std::uint32_t index, std::uint64_t seed) {
  const auto own = static_cast<std::uint32_t>(TrialSeed(seed, dimension) >> 32);
  const std::uint32_t scrambled = Reversed(LaineKarras(Reversed(Bits(dimension, index)), own));
  return (scrambled + 0.5) * 0x1p-32;
}

}  // namespace lorasweep::search
