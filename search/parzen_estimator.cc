#include "search/parzen_estimator.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

#include "search/normal.h"

namespace lorasweep::search {
namespace {

constexpr double kLogSqrtTwoPi = 0.91893853320467274178;
constexpr double kPriorWeight = 1;

// Width of each kernel: the wider gap to its neighbours, the outermost kernels taking the only inner gap there is.
std::vector<double> Widths(const std::vector<double>& mu, double low, double high) {
  const std::size_t n = mu.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return mu[a] < mu[b]; });
  // "Magic clip" (Bergstra et al. 2011): no kernel narrower than the range over the number of kernels, or over 100.
  const double narrowest = (high - low) / std::min(100.0, 2.0 + static_cast<double>(n));
  std::vector<double> widths(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double here = mu[order[i]];
    double width = std::max(here - (i > 0 ? mu[order[i - 1]] : low), (i + 1 < n ? mu[order[i + 1]] : high) - here);
    if (n > 1 && i == 0) width = mu[order[1]] - here;
    if (n > 1 && i + 1 == n) width = here - mu[order[n - 2]];
    widths[order[i]] = std::clamp(width, narrowest, high - low);
  }
  return widths;
}

}  // namespace

std::vector<double> KernelWeights(std::size_t n) {
  std::vector<double> weights(n, 1.0);
  if (n <= kFullWeight) return weights;
  const std::size_t ramp = n - kFullWeight;
  const double first = 1 / static_cast<double>(n);
  for (std::size_t i = 0; i < ramp; ++i) {
    weights[i] = ramp == 1 ? first : first + (1 - first) * static_cast<double>(i) / static_cast<double>(ramp - 1);
  }
  return weights;
}

ParzenEstimator::ParzenEstimator(std::vector<Axis> axes, const std::vector<std::vector<double>>& observations,
                                 std::vector<double> weights)
    : axes_(std::move(axes)), weights_(std::move(weights)) {
  weights_.push_back(kPriorWeight);
  const double sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  for (double& weight : weights_) weight /= sum;
  for (const double weight : weights_) log_weights_.push_back(std::log(weight));
  std::vector<double> column(observations.size());
  for (std::size_t a = 0; a < axes_.size(); ++a) {
    for (std::size_t i = 0; i < observations.size(); ++i) column[i] = observations[i][a];
    marginals_.push_back(axes_[a].kind == Axis::Kind::kCategorical ? CategoricalMarginals(axes_[a], column)
                                                                   : NumericMarginals(axes_[a], column));
  }
}

ParzenEstimator::Marginals ParzenEstimator::NumericMarginals(const Axis& axis, std::vector<double> mu) {
  Marginals result;
  result.low = axis.low - axis.step / 2;
  result.high = axis.high + axis.step / 2;
  if (axis.log) {
    for (double& center : mu) center = std::log(center);
    result.low = std::log(result.low);
    result.high = std::log(result.high);
  }
  std::vector<double> sigma = Widths(mu, result.low, result.high);
  mu.push_back(0.5 * (result.low + result.high));
  sigma.push_back(result.high - result.low);

  std::vector<std::uint32_t> order(mu.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return std::tie(mu[a], sigma[a]) < std::tie(mu[b], sigma[b]); });
  result.index.resize(mu.size());
  for (const std::uint32_t kernel : order) {
    const double m = mu[kernel];
    const double s = sigma[kernel];
    if (result.shapes.empty() || result.shapes.back().mu != m || result.shapes.back().sigma != s) {
      const double log_mass = LogNormalMass((result.low - m) / s, (result.high - m) / s);
      const bool continuous = axis.kind == Axis::Kind::kContinuous;
      result.shapes.push_back({m, s, log_mass + (continuous ? std::log(s) + kLogSqrtTwoPi : 0)});
    }
    result.index[kernel] = static_cast<std::uint32_t>(result.shapes.size() - 1);
  }
  return result;
}

ParzenEstimator::Marginals ParzenEstimator::CategoricalMarginals(const Axis& axis,
                                                                 const std::vector<double>& observed) {
  Marginals result;
  // A kernel is its observation plus a share of the prior; the more kernels there are, the smaller the share.
  const auto choices = static_cast<double>(axis.prior.size());
  const double share = kPriorWeight * choices / static_cast<double>(observed.size() + 1);
  for (const double probability : axis.prior) {
    result.own.push_back(std::log((share * probability + 1) / (share + 1)));
    result.other.push_back(std::log(share * probability / (share + 1)));
    result.prior.push_back(std::log(probability));
  }
  for (const double choice : observed) result.index.push_back(static_cast<std::uint32_t>(choice));
  return result;
}

std::vector<double> ParzenEstimator::Sample(Rng* rng) const {
  auto pick = [rng](std::size_t count, auto weight) {
    const double u = rng->Uniform();
    double sum = 0;
    for (std::size_t i = 0; i + 1 < count; ++i) {
      sum += weight(i);
      if (u < sum) return i;
    }
    return count - 1;
  };
  const std::size_t kernel = pick(weights_.size(), [&](std::size_t i) { return weights_[i]; });
  std::vector<double> point;
  for (std::size_t a = 0; a < axes_.size(); ++a) {
    const Axis& axis = axes_[a];
    const Marginals& marginals = marginals_[a];
    if (axis.kind == Axis::Kind::kCategorical) {
      const bool prior = kernel == marginals.index.size();
      point.push_back(static_cast<double>(pick(axis.prior.size(), [&](std::size_t choice) {
        if (prior) return axis.prior[choice];
        return std::exp(marginals.index[kernel] == choice ? marginals.own[choice] : marginals.other[choice]);
      })));
      continue;
    }
    const Marginals::Shape& shape = marginals.shapes[marginals.index[kernel]];
    double x =
        shape.mu + shape.sigma * TruncatedNormalQuantile(rng->Uniform(), (marginals.low - shape.mu) / shape.sigma,
                                                         (marginals.high - shape.mu) / shape.sigma);
    if (axis.log) x = std::exp(x);
    if (axis.step > 0) x = axis.low + std::round((x - axis.low) / axis.step) * axis.step;
    point.push_back(std::clamp(x, axis.low, axis.high));
  }
  return point;
}

void ParzenEstimator::AddNumeric(const Axis& axis, const Marginals& marginals, double x,
                                 std::vector<double>* log_density) {
  std::vector<double> of_shape(marginals.shapes.size());
  if (axis.kind == Axis::Kind::kStepped) {
    // The probability of the cell of one step around x.
    const double left = axis.log ? std::log(x - axis.step / 2) : x - axis.step / 2;
    const double right = axis.log ? std::log(x + axis.step / 2) : x + axis.step / 2;
    for (std::size_t i = 0; i < of_shape.size(); ++i) {
      const auto& [mu, sigma, log_scale] = marginals.shapes[i];
      of_shape[i] = LogNormalMass((left - mu) / sigma, (right - mu) / sigma) - log_scale;
    }
  } else {
    const double scaled = axis.log ? std::log(x) : x;
    for (std::size_t i = 0; i < of_shape.size(); ++i) {
      const auto& [mu, sigma, log_scale] = marginals.shapes[i];
      const double z = (scaled - mu) / sigma;
      of_shape[i] = -0.5 * z * z - log_scale;
    }
  }
  for (std::size_t k = 0; k < log_density->size(); ++k) (*log_density)[k] += of_shape[marginals.index[k]];
}

void ParzenEstimator::AddCategorical(const Marginals& marginals, double x, std::vector<double>* log_density) {
  const auto choice = static_cast<std::uint32_t>(x);
  for (std::size_t k = 0; k < marginals.index.size(); ++k) {
    (*log_density)[k] += marginals.index[k] == choice ? marginals.own[choice] : marginals.other[choice];
  }
  log_density->back() += marginals.prior[choice];
}

double ParzenEstimator::LogDensity(const std::vector<double>& point) const {
  std::vector<double> log_density = log_weights_;
  for (std::size_t a = 0; a < axes_.size(); ++a) {
    if (axes_[a].kind == Axis::Kind::kCategorical) {
      AddCategorical(marginals_[a], point[a], &log_density);
    } else {
      AddNumeric(axes_[a], marginals_[a], point[a], &log_density);
    }
  }
  const double highest = *std::max_element(log_density.begin(), log_density.end());
  if (!std::isfinite(highest)) return highest;
  double sum = 0;
  for (const double value : log_density) sum += std::exp(value - highest);
  return highest + std::log(sum);
}

}  // namespace lorasweep::search
