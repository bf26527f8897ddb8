#include "search/output_warp.h"

#include <cmath>
#include <numeric>

#include <catch2/catch.hpp>

namespace lorasweep::search {
namespace {

TEST_CASE("Warped losses have mean 0, variance 1 and the same order", "[search][gp]") {
  const std::vector<double> losses = {3.1, 2.0, 2.2, INFINITY, 2.1, 900.0, 2.05, NAN, 2.4};
  const std::vector<double> warped = WarpLosses(losses);
  REQUIRE(warped.size() == losses.size());
  CHECK(std::accumulate(warped.begin(), warped.end(), 0.0) == Approx(0).margin(1e-12));
  CHECK(std::inner_product(warped.begin(), warped.end(), warped.begin(), 0.0) == Approx(9));
  const std::vector<std::size_t> ascending = {1, 6, 4, 2, 8, 0, 5, 3};
  for (std::size_t i = 1; i < ascending.size(); ++i) CHECK(warped[ascending[i - 1]] < warped[ascending[i]]);
  CHECK(warped[3] == warped[7]);
}

TEST_CASE("Diverged trials do not flatten the differences among the good ones", "[search][gp]") {
  std::vector<double> losses;
  for (int i = 0; i < 15; ++i) losses.push_back(2 + 0.01 * i);
  losses.insert(losses.end(), {1e3, 1e9, 1e300, INFINITY, -INFINITY});
  const std::vector<double> warped = WarpLosses(losses);
  // The best and the median are most of a standard deviation apart, the worst a few above.
  CHECK(warped[9] - warped[0] > 0.6);
  CHECK(warped[18] < 4);
  CHECK(warped[19] == warped[18]);
  // Below the median the scale is left alone.
  CHECK(warped[2] - warped[1] == Approx(warped[8] - warped[7]));
}

TEST_CASE("Losses without differences are all 0", "[search][gp]") {
  CHECK(WarpLosses({}).empty());
  for (const double value : WarpLosses({INFINITY, NAN, INFINITY})) CHECK(value == 0);
  for (const double value : WarpLosses({1.5, 1.5, 1.5})) CHECK(value == 0);
}

TEST_CASE("Where most trials failed the few others still differ", "[search][gp]") {
  const std::vector<double> warped = WarpLosses({2.0, 2.1, NAN, NAN, NAN, NAN, NAN, NAN});
  CHECK(warped[0] < warped[1]);
  CHECK(warped[1] < warped[2]);
}

}  // namespace
}  // namespace lorasweep::search
