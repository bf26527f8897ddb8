#include "trainer_core/text/tokenized_data.h"

#include <algorithm>
#include <bit>

namespace lorasweep::text {
namespace {

// Finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
std::uint64_t Mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// Below 16 x 16 values a Feistel network reaches too few permutations to look random.
constexpr int kLeastHalfBits = 4;
constexpr int kRounds = 8;

// A balanced Feistel network: a bijection of [0, 4^half_bits) for whatever key.
std::uint64_t Permute(std::uint64_t value, std::uint64_t key, int half_bits) {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  std::uint64_t left = value >> half_bits;
  std::uint64_t right = value & mask;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t next = left ^ (Mix(key ^ Mix(right + (std::uint64_t{1} << 40) * round)) & mask);
    left = right;
    right = next;
  }
  return (left << half_bits) | right;
}

}  // namespace

std::int64_t Sequence::LearnedTokens() const {
  std::int64_t count = 0;
  for (const std::uint8_t learned_here : learned) count += learned_here != 0;
  return count;
}

DataOrder::DataOrder(std::uint64_t seed, std::int64_t rows) : seed_(seed), rows_(rows) {}

std::int64_t DataOrder::At(std::int64_t position) const {
  if (rows_ <= 1) return 0;
  const auto rows = static_cast<std::uint64_t>(rows_);
  const std::uint64_t epoch = static_cast<std::uint64_t>(position) / rows;
  const std::uint64_t key = Mix(Mix(seed_) ^ Mix(epoch));
  const int half_bits = std::max(kLeastHalfBits, (static_cast<int>(std::bit_width(rows - 1)) + 1) / 2);
  // Cycle walking: values beyond the last row are sent on until they land on one, which keeps it a bijection of the
  // rows (Black, Rogaway: "Ciphers with arbitrary finite domains", CT-RSA 2002). At most 4 steps on average once
  // there are 64 rows.
  std::uint64_t row = static_cast<std::uint64_t>(position) % rows;
  do {
    row = Permute(row, key, half_bits);
  } while (row >= rows);
  return static_cast<std::int64_t>(row);
}

}  // namespace lorasweep::text
