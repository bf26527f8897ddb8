#pragma once

#include <cstdint>

// Random numbers as pure functions of what they are for (trial, place, step): the same on every machine, and nothing to
// save in a checkpoint.
namespace lorasweep::trainer {

// A step of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
inline std::uint64_t Mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// The stream that `index` names inside the stream `seed`.
inline std::uint64_t SubSeed(std::uint64_t seed, std::uint64_t index) {
  return Mix(seed ^ Mix(index));
}

// Uniform in [0, 1), a multiple of 2^-24: exact in float.
inline float UnitFloat(std::uint64_t random) {
  return static_cast<float>(random >> 40) * 0x1p-24F;
}

}  // namespace lorasweep::trainer
