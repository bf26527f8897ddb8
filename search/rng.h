#pragma once

#include <cstdint>
#include <random>

namespace lorasweep::search {

// Random numbers that are the same on every platform for the same seed: the engine is specified by the standard, and
// the conversions are our own because those of std:: are not.
// Threads: one owner.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : engine_(seed) {}

  // Uniform in the open interval (0, 1): the middle of one of 2^52 equal cells.
  double Uniform() { return (static_cast<double>(engine_() >> 12) + 0.5) * 0x1p-52; }

  // Uniform in [0, n). n > 0.
  std::uint64_t Below(std::uint64_t n) {
    // Rejecting the incomplete last block keeps every remainder equally likely.
    const std::uint64_t limit = n * (UINT64_MAX / n);
    std::uint64_t draw = engine_();
    while (draw >= limit) draw = engine_();
    return draw % n;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace lorasweep::search
