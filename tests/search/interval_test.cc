#include "search/interval.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "search/normal.h"
#include "search/rng.h"

namespace lorasweep::search {
namespace {

TEST_CASE("Student's quantiles are those of the tables", "[search][interval]") {
  // scipy.stats.t.ppf
  CHECK(StudentQuantile(0.975, 1) == Approx(12.7062).epsilon(1e-5));
  CHECK(StudentQuantile(0.975, 2) == Approx(4.302653).epsilon(1e-5));
  CHECK(StudentQuantile(0.975, 3) == Approx(3.182446).margin(0.004));
  CHECK(StudentQuantile(0.975, 7) == Approx(2.364624).margin(1e-4));
  CHECK(StudentQuantile(0.975, 95) == Approx(1.985251).margin(1e-5));
  CHECK(StudentQuantile(0.9, 20) == Approx(1.325341).margin(1e-5));
  CHECK(StudentQuantile(0.025, 7) == Approx(-2.364624).margin(1e-4));
  CHECK(StudentQuantile(0.5, 9) == Approx(0).margin(1e-12));
}

TEST_CASE("One rival gives Student's interval, more a wider one", "[search][interval]") {
  CHECK(IntervalReach(1, 1e6) == Approx(1.959964).margin(1e-4));
  CHECK(IntervalReach(1, 7) == Approx(2.364624).margin(1e-4));
  double before = 0;
  for (const std::int64_t rivals : {1, 2, 5, 20, 100, 5000}) {
    const double reach = IntervalReach(rivals, 100);
    CHECK(reach > before);
    CHECK(reach < 4.5);
    before = reach;
  }
  // With many rivals only the flattered side is missed: Dunnett's one-sided 5 % point for nine is 2.42 (Dunnett 1955).
  CHECK(IntervalReach(9, 1e6) == Approx(2.42).margin(0.015));
}

TEST_CASE("The gap to the best of equal rivals lies within its reach nineteen times in twenty", "[search][interval]") {
  Rng rng(5);
  for (const int rivals : {1, 3, 12}) {
    const double reach = IntervalReach(rivals, 1e6) * std::sqrt(2.0);
    int held = 0;
    constexpr int kTimes = 20000;
    for (int i = 0; i < kTimes; ++i) {
      double least = INFINITY;
      for (int j = 0; j < rivals; ++j) least = std::min(least, NormalQuantile(rng.Uniform()));
      held += std::abs(NormalQuantile(rng.Uniform()) - least) <= reach ? 1 : 0;
    }
    CHECK(held / double{kTimes} == Approx(0.95).margin(0.005));
  }
}

}  // namespace
}  // namespace lorasweep::search
