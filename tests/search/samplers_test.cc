#include "search/algorithms.h"
#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

TEST_CASE("Every sampler keeps the contract of samplers", "[search]") {
  for (const char* name : {"tpe", "gp", "cmaes", "random", "sobol", "grid", "auto", "bayes"}) {
    INFO(name);
    const auto sampler = MakeSampler({.method = name, .seed = 5});
    REQUIRE(sampler.ok());
    testing::CheckSampler(**sampler);
  }
}

TEST_CASE("Every sampler but the grid takes every space", "[search]") {
  for (const char* name : {"tpe", "gp", "cmaes", "random", "sobol", "auto", "bayes"}) {
    INFO(name);
    testing::CheckSamplerOfAnySpace(**MakeSampler({.method = name, .seed = 5}));
  }
}

}  // namespace
}  // namespace lorasweep::search
