#include "search/sobol.h"

#include <cmath>
#include <set>

#include "search/sobol_sampler.h"
#include "tests/search/reference.h"
#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using testing::MakeSpace;
using testing::NumberOf;
using testing::Sweep;

TEST_CASE("Sobol points are scipy's, all 64 dimensions", "[search]") {
  const nlohmann::json rows = testing::Reference("gp.json", "sobol");
  std::size_t row = 0;
  for (const std::uint32_t index : {1u, 2u, 3u, 5u, 31u, 63u}) {
    for (int d = 0; d < kSobolDimensions; ++d) {
      INFO("point " << index << ", dimension " << d);
      CHECK(SobolCoordinate(d, index) == rows[row][static_cast<std::size_t>(d)].get<double>());
    }
    ++row;
  }
}

TEST_CASE("Scrambling keeps every prefix of 2^k points evenly spread", "[search]") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    for (const int d : {0, 1, 7, 63}) {
      for (const std::uint32_t count : {2u, 16u, 256u}) {
        std::set<int> cells;
        for (std::uint32_t i = 0; i < count; ++i) {
          const double u = ScrambledSobolCoordinate(d, i, seed);
          CHECK((u > 0 && u < 1));
          cells.insert(static_cast<int>(u * count));
        }
        CHECK(cells.size() == count);
      }
    }
  }
}

TEST_CASE("Scrambled points differ between seeds and are uniform over them", "[search]") {
  double sum = 0;
  std::set<double> seen;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const double u = ScrambledSobolCoordinate(2, 0, seed);
    sum += u;
    seen.insert(u);
  }
  CHECK(seen.size() == 1000);
  CHECK(std::abs(sum / 1000 - 0.5) < 0.04);  // four standard errors
}

TEST_CASE("A Sobol sweep spreads its trials evenly over every parameter", "[search]") {
  const Sweep sweep = testing::RunSweep(
      SobolSampler(7), MakeSpace({{"x", FloatDomain{0, 1, false, 0}}, {"y", FloatDomain{0, 1, false, 0}}}), 16, 1,
      [](const Params&) { return 0.0; });
  for (const char* name : {"x", "y"}) {
    std::set<int> cells;
    for (const Trial& trial : sweep.trials) cells.insert(static_cast<int>(16 * NumberOf(trial.params, name)));
    CHECK(cells.size() == 16);
  }
}

}  // namespace
}  // namespace lorasweep::search
