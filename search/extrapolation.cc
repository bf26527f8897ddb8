#include "search/extrapolation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Dense>

namespace lorasweep::search {
namespace {

using Eigen::Matrix2d;
using Eigen::Vector2d;

// Exponents of the power laws, a geometric sequence.
constexpr double kLeastExponent = 0.05;
constexpr double kMostExponent = 4;
constexpr int kExponents = 16;
constexpr std::size_t kLeastPoints = 3;
// Priors of values in units of the curve's range: the level within a few ranges of the last value, noise of a
// hundredth or two.
constexpr double kLevelVariance = 1e4;  // in units of the noise's variance
constexpr double kShape = 1;
constexpr double kRate = 3e-4;

struct Fit {
  double log_evidence = 0;
  double mean = 0;
  double variance = 0;
};

// y regressed on (1, x), and what it says of the value at x_end.
Fit Regress(const std::vector<double>& x, const std::vector<double>& y, double x_end) {
  Matrix2d precision = Matrix2d::Identity() / kLevelVariance;
  Vector2d moment = Vector2d::Zero();
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Vector2d row(1, x[i]);
    precision += row * row.transpose();
    moment += row * y[i];
    squares += y[i] * y[i];
  }
  const Matrix2d covariance = precision.inverse();
  const Vector2d weights = covariance * moment;
  const double shape = kShape + 0.5 * static_cast<double>(x.size());
  const double rate = kRate + 0.5 * std::max(0.0, squares - weights.dot(moment));
  const Vector2d end(1, x_end);
  Fit fit;
  fit.log_evidence = -0.5 * std::log(precision.determinant()) - shape * std::log(rate);
  fit.mean = weights.dot(end);
  fit.variance = rate / (shape - 1) * (1 + end.dot(covariance * end));
  return fit;
}

}  // namespace

std::optional<Forecast> Extrapolate(std::span<const Evaluation> curve, std::int64_t sequences) {
  std::vector<double> places;
  std::vector<double> values;
  for (const Evaluation& evaluation : curve) {
    if (evaluation.step == 0 || evaluation.sequences <= 0 || !std::isfinite(evaluation.value)) continue;
    places.push_back(static_cast<double>(evaluation.sequences));
    values.push_back(evaluation.value);
  }
  if (values.size() < kLeastPoints) return std::nullopt;
  const double last = values.back();
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double range = *high - *low;
  if (!(range > 0)) return Forecast{last, 0};
  for (double& value : values) value = (value - last) / range;

  std::vector<Fit> fits;
  for (int i = 0; i < kExponents; ++i) {
    const double exponent =
        kLeastExponent * std::pow(kMostExponent / kLeastExponent, static_cast<double>(i) / (kExponents - 1));
    // In units of the first place, so that the regressor is 1 there whatever the exponent.
    std::vector<double> x;
    for (const double place : places) x.push_back(std::pow(place / places.front(), -exponent));
    fits.push_back(Regress(x, values, std::pow(static_cast<double>(sequences) / places.front(), -exponent)));
  }
  double highest = fits.front().log_evidence;
  for (const Fit& fit : fits) highest = std::max(highest, fit.log_evidence);
  double sum = 0;
  double mean = 0;
  double square = 0;
  for (const Fit& fit : fits) {
    const double weight = std::exp(fit.log_evidence - highest);
    sum += weight;
    mean += weight * fit.mean;
    square += weight * (fit.variance + fit.mean * fit.mean);
  }
  mean /= sum;
  const double variance = std::max(0.0, square / sum - mean * mean);
  return Forecast{last + range * mean, range * std::sqrt(variance)};
}

}  // namespace lorasweep::search
