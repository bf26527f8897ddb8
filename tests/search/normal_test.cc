#include "search/normal.h"

#include <cmath>

#include "tests/search/reference.h"

namespace lorasweep::search {
namespace {

using testing::Reference;

bool Close(double actual, double expected, double relative) {
  return std::abs(actual - expected) <= relative * std::abs(expected) + 1e-300;
}

TEST_CASE("The log of the normal distribution agrees with scipy, far tails included", "[search]") {
  for (const auto& row : Reference("normal.json")["log_cdf"]) {
    const double x = row[0];
    const double expected = row[1];
    INFO(x << ": " << LogNormalCdf(x) << " instead of " << expected);
    CHECK(Close(LogNormalCdf(x), expected, 2e-14));
  }
}

TEST_CASE("Normal quantiles agree with scipy", "[search]") {
  for (const auto& row : Reference("normal.json")["quantile"]) {
    const double p = row[0];
    const double expected = row[1];
    INFO(p << ": " << NormalQuantile(p) << " instead of " << expected);
    CHECK(Close(NormalQuantile(p), expected, 1e-12));
  }
}

TEST_CASE("The mass of an interval agrees with scipy, far tails included", "[search]") {
  for (const auto& row : Reference("normal.json")["log_mass"]) {
    const double a = row[0];
    const double b = row[1];
    const double expected = row[2];
    INFO(a << " to " << b << ": " << LogNormalMass(a, b) << " instead of " << expected);
    CHECK(Close(LogNormalMass(a, b), expected, 1e-10));
  }
}

TEST_CASE("Truncated quantiles agree with scipy and stay inside", "[search]") {
  for (const auto& row : Reference("normal.json")["truncated_quantile"]) {
    const double p = row[0];
    const double a = row[1];
    const double b = row[2];
    const double expected = row[3];
    const double actual = TruncatedNormalQuantile(p, a, b);
    INFO(p << " of " << a << " to " << b << ": " << actual << " instead of " << expected);
    // Absolute on the scale of the interval: near zero the reference itself has no relative accuracy.
    CHECK(std::abs(actual - expected) <= 1e-9 * std::min(b - a, 10.0));
    CHECK(actual >= a);
    CHECK(actual <= b);
  }
}

TEST_CASE("The quantile undoes the distribution", "[search]") {
  for (double x = -37; x < 8; x += 0.37) {
    INFO(x);
    CHECK(NormalQuantile(NormalCdf(x)) == Approx(x).epsilon(1e-9).margin(x > 5 ? 0.01 : 1e-12));
  }
}

}  // namespace
}  // namespace lorasweep::search
