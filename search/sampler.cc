#include "search/sampler.h"

namespace lorasweep::search {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): every input bit changes about half of the output bits.
std::uint64_t Mix(std::uint64_t state) {
  state += 0x9e3779b97f4a7c15u;
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9u;
  state = (state ^ (state >> 27)) * 0x94d049bb133111ebu;
  return state ^ (state >> 31);
}

}  // namespace

std::uint64_t TrialSeed(std::uint64_t sweep_seed, std::int64_t number) {
  return Mix(Mix(sweep_seed) ^ static_cast<std::uint64_t>(number));
}

}  // namespace lorasweep::search
