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
  const nlohmann::json log_cdf = Reference("normal.json", "log_cdf");
  for (const auto& row : log_cdf) {
    const double x = row[0];
    const double expected = row[1];
    INFO(x << ": " << LogNormalCdf(x) << " instead of " << expected);
    // Rounding x alone moves the right tail by x² / 2 units in the last place.
    CHECK(Close(LogNormalCdf(x), expected, 1e-13));
  }
}

TEST_CASE("Normal quantiles agree with scipy", "[search]") {
  const nlohmann::json quantile = Reference("normal.json", "quantile");
  for (const auto& row : quantile) {
    const double p = row[0];
    const double expected = row[1];
    INFO(p << ": " << NormalQuantile(p) << " instead of " << expected);
    CHECK(Close(NormalQuantile(p), expected, 1e-12));
  }
}

TEST_CASE("The mass of an interval agrees with scipy, far tails included", "[search]") {
  const nlohmann::json log_mass = Reference("normal.json", "log_mass");
  for (const auto& row : log_mass) {
    const double a = row[0];
    const double b = row[1];
    const double expected = row[2];
    INFO(a << " to " << b << ": " << LogNormalMass(a, b) << " instead of " << expected);
    CHECK(Close(LogNormalMass(a, b), expected, 1e-10));
  }
}

TEST_CASE("Truncated quantiles agree with scipy and stay inside", "[search]") {
  const nlohmann::json truncated_quantile = Reference("normal.json", "truncated_quantile");
  for (const auto& row : truncated_quantile) {
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
