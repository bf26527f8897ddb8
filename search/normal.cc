#include "search/normal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace lorasweep::search {
namespace {

constexpr double kLogSqrtTwoPi = 0.91893853320467274178;

// Below this Φ loses digits towards the subnormals; the asymptotic series is exact to the last digit there.
constexpr double kSeriesBelow = -20;

// Abramowitz and Stegun 26.2.12: Φ(x) = φ(x)/|x| (1 - 1/x² + 3/x⁴ - 15/x⁶ + …).
double LogNormalCdfSeries(double x) {
  const double inverse_square = 1 / (x * x);
  double term = 1;
  double sum = 1;
  for (int i = 1; i < 30; ++i) {
    term *= -(2 * i - 1) * inverse_square;
    const double next = sum + term;
    if (next == sum) break;
    sum = next;
  }
  return -0.5 * x * x - std::log(-x) - kLogSqrtTwoPi + std::log(sum);
}

// log(1 - exp(x)) for x < 0, by the form that cancels less (Maechler 2012).
double Log1mExp(double x) {
  return x > -std::numbers::ln2 ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x));
}

double LogAddExp(double x, double y) {
  const double high = std::max(x, y);
  if (std::isinf(high)) return high;
  return high + std::log1p(std::exp(std::min(x, y) - high));
}

// x with LogNormalCdf(x) == log_p, for log_p < 0: Newton's method on the logarithm, which is concave and nearly
// quadratic in the tail, so that a handful of steps reach the last digits from anywhere.
double QuantileOfLog(double log_p) {
  // Above the median work with the other tail, where the logarithm carries the digits.
  if (log_p > -std::numbers::ln2) return -QuantileOfLog(std::min(Log1mExp(log_p), -std::numbers::ln2));
  double x;
  if (log_p < -5) {
    x = -std::sqrt(-2 * (log_p + kLogSqrtTwoPi));
  } else {
    // The logistic distribution of the same variance.
    x = -std::numbers::sqrt3 / std::numbers::pi * std::log(std::expm1(-log_p));
  }
  for (int i = 0; i < 50; ++i) {
    const double log_cdf = LogNormalCdf(x);
    const double log_pdf = -0.5 * x * x - kLogSqrtTwoPi;
    const double step = (log_cdf - log_p) * std::exp(log_cdf - log_pdf);
    x -= step;
    if (std::abs(step) <= 1e-14 * std::abs(x)) break;
  }
  return x;
}

// a < b <= 0.
double LogLeftMass(double a, double b) {
  const double log_b = LogNormalCdf(b);
  const double difference = LogNormalCdf(a) - log_b;
  return difference < 0 ? log_b + Log1mExp(difference) : -std::numeric_limits<double>::infinity();
}

}  // namespace

double NormalCdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

double LogNormalCdf(double x) {
  if (x > 0) return std::log1p(-NormalCdf(-x));
  if (x > kSeriesBelow) return std::log(NormalCdf(x));
  return LogNormalCdfSeries(x);
}

double NormalQuantile(double p) {
  // 1 - p is exact for p >= 1/2.
  return p < 0.5 ? QuantileOfLog(std::log(p)) : p > 0.5 ? -QuantileOfLog(std::log(1 - p)) : 0;
}

double LogNormalMass(double a, double b) {
  if (b <= 0) return LogLeftMass(a, b);
  if (a > 0) return LogLeftMass(-b, -a);
  return std::log1p(-NormalCdf(a) - NormalCdf(-b));
}

double TruncatedNormalQuantile(double p, double a, double b) {
  const double log_mass = LogNormalMass(a, b);
  double x;
  if (a < 0) {
    x = QuantileOfLog(std::min(LogAddExp(LogNormalCdf(a), std::log(p) + log_mass), -1e-300));
  } else {
    x = -QuantileOfLog(std::min(LogAddExp(LogNormalCdf(-b), std::log1p(-p) + log_mass), -1e-300));
  }
  return std::clamp(x, a, b);
}

}  // namespace lorasweep::search
