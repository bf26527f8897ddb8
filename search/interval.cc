#include "search/interval.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "search/normal.h"

namespace lorasweep::search {
namespace {

constexpr double kMiss = 0.05;
constexpr double kBound = 8;  // of the integrals: beyond it a normal variable does not go
constexpr int kPieces = 160;  // even

// P(one's error less the least of `rivals` errors is outside ±width), all standard normal: by Simpson's rule over one's
// error x. All rivals' errors must be above x - width, and not all of them above x + width.
double Missed(double rivals, double width) {
  double sum = 0;
  for (int i = 0; i <= kPieces; ++i) {
    const double x = -kBound + 2 * kBound * i / kPieces;
    const double weight = i == 0 || i == kPieces ? 1 : i % 2 == 1 ? 4 : 2;
    const double held = std::pow(NormalCdf(width - x), rivals) - std::pow(NormalCdf(-width - x), rivals);
    sum += weight * std::exp(-0.5 * x * x) * held;
  }
  return 1 - sum * (2 * kBound / kPieces) / 3 / std::sqrt(2 * std::numbers::pi);
}

double NormalReach(double rivals) {
  double low = 0;
  double high = 2 * kBound;
  for (int i = 0; i < 40; ++i) {
    const double middle = 0.5 * (low + high);
    (Missed(rivals, middle) > kMiss ? low : high) = middle;
  }
  return high / std::numbers::sqrt2;  // the difference of two errors has variance 2
}

}  // namespace

double StudentQuantile(double p, double degrees) {
  if (degrees < 1.5) return std::tan(std::numbers::pi * (p - 0.5));
  if (degrees < 2.5) return (2 * p - 1) * std::sqrt(0.5 / (p * (1 - p)));
  const double z = NormalQuantile(p);
  const double z2 = z * z;
  const double n = degrees;
  return z * (1 + (z2 + 1) / (4 * n) + ((5 * z2 + 16) * z2 + 3) / (96 * n * n) +
              (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * n * n * n) +
              ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / (92160 * n * n * n * n));
}

double IntervalReach(std::int64_t rivals, double degrees) {
  const double student = StudentQuantile(1 - kMiss / 2, std::max(degrees, 1.0));
  if (rivals <= 1) return student;
  return student * NormalReach(static_cast<double>(rivals)) / NormalQuantile(1 - kMiss / 2);
}

}  // namespace lorasweep::search
