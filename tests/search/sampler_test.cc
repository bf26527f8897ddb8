#include "search/sampler.h"

#include <set>

#include <catch2/catch.hpp>

#include "search/rng.h"

namespace lorasweep::search {
namespace {

TEST_CASE("Trial seeds are fixed for all time", "[search]") {
  CHECK(TrialSeed(0, 0) == TrialSeed(0, 0));
  CHECK(TrialSeed(3407, 0) == 14890662006473427291u);
  CHECK(TrialSeed(3407, 1) == 731119113590186176u);
}

TEST_CASE("Neighbouring sweeps and trials have different seeds", "[search]") {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t sweep = 0; sweep < 100; ++sweep) {
    for (std::int64_t number = 0; number < 100; ++number) seeds.insert(TrialSeed(sweep, number));
  }
  CHECK(seeds.size() == 10000);
}

TEST_CASE("Random numbers are the same on every platform", "[search]") {
  Rng rng(5489);
  // The standard fixes the 10000th output of a default-seeded mt19937_64: 9981545732273789042.
  for (int i = 1; i < 10000; ++i) rng.Uniform();
  CHECK(rng.Uniform() == (static_cast<double>(9981545732273789042u >> 12) + 0.5) * 0x1p-52);
}

TEST_CASE("Bounded random numbers are below the bound and reach every value", "[search]") {
  Rng rng(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(rng.Below(7));
  CHECK(seen.size() == 7);
  CHECK(*seen.rbegin() == 6);
  CHECK(rng.Below(1) == 0);
}

}  // namespace
}  // namespace lorasweep::search
