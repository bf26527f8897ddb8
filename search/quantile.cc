#include "search/quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/normal.h"

namespace lorasweep::search {
namespace {

using Kind = QuantileDomain::Kind;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Continued fraction of the incomplete beta function by Lentz's method (Numerical Recipes, §6.4).
double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m <= 10000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return fraction;
}

// std::lgamma writes a global sign and is therefore a race between threads; the arguments here are positive.
double LogGamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

// Regularised incomplete beta function.
double BetaCdf(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double log_front = LogGamma(a + b) - LogGamma(a) - LogGamma(b) + a * std::log(x) + b * std::log1p(-x);
  const double front = std::exp(log_front);
  // The fraction converges fast on one side of the mean only.
  const double cdf =
      x < (a + 1) / (a + b + 2) ? front * BetaFraction(a, b, x) / a : 1 - front * BetaFraction(b, a, 1 - x) / b;
  return std::clamp(cdf, 0.0, 1.0);
}

// Bisection down to neighbouring doubles: no derivative that could misbehave at the ends.
double BetaQuantile(double a, double b, double p) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 1100; ++i) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (BetaCdf(a, b, middle) < p ? low : high) = middle;
  }
  return high;
}

}  // namespace

double QuantileValue(const QuantileDomain& domain, double p) {
  switch (domain.kind) {
    case Kind::kNormal:
      return domain.a + domain.b * NormalQuantile(p);
    case Kind::kLogNormal:
      return std::exp(domain.a + domain.b * NormalQuantile(p));
    case Kind::kBeta:
      return BetaQuantile(domain.a, domain.b, p);
    case Kind::kInverseLogUniform:
      return std::exp(-(domain.b - p * (domain.b - domain.a)));
  }
  return 0;
}

double QuantileCdf(const QuantileDomain& domain, double x) {
  switch (domain.kind) {
    case Kind::kNormal:
      return NormalCdf((x - domain.a) / domain.b);
    case Kind::kLogNormal:
      return x <= 0 ? 0 : NormalCdf((std::log(x) - domain.a) / domain.b);
    case Kind::kBeta:
      return BetaCdf(domain.a, domain.b, x);
    case Kind::kInverseLogUniform:
      return x <= 0 ? 0 : std::clamp((std::log(x) + domain.b) / (domain.b - domain.a), 0.0, 1.0);
  }
  return 0;
}

Support SupportOf(const QuantileDomain& domain) {
  switch (domain.kind) {
    case Kind::kNormal:
      return {-kInfinity, kInfinity};
    case Kind::kLogNormal:
      return {0, kInfinity};
    case Kind::kBeta:
      return {0, 1};
    case Kind::kInverseLogUniform:
      return {std::exp(-domain.b), std::exp(-domain.a)};
  }
  return {};
}

}  // namespace lorasweep::search
