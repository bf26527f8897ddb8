#include "search/log_ei.h"

#include <cmath>

#include "search/normal.h"

namespace lorasweep::search {
namespace {

constexpr double kLogSqrtTwoPi = 0.91893853320467274178;

// Below this the two terms cancel, and the asymptotic series is exact to the last digits.
constexpr double kSeriesBelow = -15;

double LogDensity(double z) {
  return -0.5 * z * z - kLogSqrtTwoPi;
}

// φ(z)/z² (1 - 3/z² + 15/z⁴ - 105/z⁶ + …): integrating Abramowitz and Stegun 26.2.12 once.
double LogSeries(double z) {
  const double inverse_square = 1 / (z * z);
  double term = 1;
  double sum = 1;
  for (int i = 1; i < 30; ++i) {
    term *= -(2 * i + 1) * inverse_square;
    const double next = sum + term;
    if (next == sum) break;
    sum = next;
  }
  return LogDensity(z) - 2 * std::log(-z) + std::log(sum);
}

}  // namespace

double LogImprovement(double z) {
  if (z < kSeriesBelow) return LogSeries(z);
  if (z > -1) return std::log(std::exp(LogDensity(z)) + z * NormalCdf(z));
  // φ (1 - |z| Φ/φ).
  return LogDensity(z) + std::log(-std::expm1(std::log(-z) + LogNormalCdf(z) - LogDensity(z)));
}

double LogImprovementSlope(double z) {
  return std::exp(LogNormalCdf(z) - LogImprovement(z));
}

}  // namespace lorasweep::search
