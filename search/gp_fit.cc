#include "search/gp_fit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "search/box_minimizer.h"

namespace lorasweep::search {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr double kLeastNoise = 1e-6;
// A likelihood takes cubic time, so which explanation is the better one is found out on few points.
constexpr Index kScoutPoints = 64;
constexpr int kScoutEvaluations = 30;  // of each start
constexpr int kEvaluations = 30;       // on all points, from the better one's end

// Deviation of the normal distribution of log a and log b of a warp.
constexpr double kWarpDeviation = 0.5;
constexpr double kMostWarp = 2;      // of their size
constexpr Index kWarpedPerAxis = 4;  // values for each axis, before axes are warped
// How much more probable, as a logarithm, a warp must make the values: it has two numbers for each axis, and one that
// is not needed costs more than it brings.
constexpr double kWarpEvidence = 3;

// Of `axes` axes; without warps where there are no numbers left for them.
GpParams ParamsOf(const VectorXd& logs, Index axes) {
  GpParams params{logs.head(axes).array().exp(), std::exp(logs[axes]), std::exp(logs[axes + 1])};
  if (logs.size() == axes + 2) return params;
  params.warp_a = logs.segment(axes + 2, axes).array().exp();
  params.warp_b = logs.tail(axes).array().exp();
  return params;
}

// Spread evenly over the history. Not the best ones: chosen by their values, they would hide the noise.
GpData Subset(const GpData& data, Index most) {
  const Index count = data.values.size();
  const Index kept = std::min(count, most);
  GpData subset{data.categorical, Eigen::MatrixXd(data.points.rows(), kept), VectorXd(kept), {}};
  if (data.extra_noise.size() > 0) subset.extra_noise.resize(kept);
  for (Index i = 0; i < kept; ++i) {
    const Index source = i * count / kept;
    subset.points.col(i) = data.points.col(source);
    subset.values[i] = data.values[source];
    if (data.extra_noise.size() > 0) subset.extra_noise[i] = data.extra_noise[source];
  }
  return subset;
}

SmoothFunction LossOn(const GpData& data) {
  return [&data](const VectorXd& logs, VectorXd* gradient) {
    const double value = -LogPosterior(data, ParamsOf(logs, data.points.rows()), gradient);
    *gradient = -*gradient;
    return value;
  };
}

}  // namespace

double LogPosterior(const GpData& data, const GpParams& params, VectorXd* gradient) {
  double value = LogMarginalLikelihood(data, params, gradient);
  const Index axes = params.inverse_squares.size();
  for (Index j = 0; j < axes; ++j) {
    const double w = params.inverse_squares[j];
    value -= 0.1 / w + 0.1 * w;
    if (gradient != nullptr) (*gradient)[j] += 0.1 / w - 0.1 * w;
  }
  // Gamma(2, 1) of the signal and Gamma(1.1, rate 30) of the noise, without their constants.
  value += std::log(params.signal) - params.signal + 0.1 * std::log(params.noise) - 30 * params.noise;
  if (gradient != nullptr) {
    (*gradient)[axes] += 1 - params.signal;
    (*gradient)[axes + 1] += 0.1 - 30 * params.noise;
  }
  const Index warps = params.warp_a.size();
  const double precision = 1 / (kWarpDeviation * kWarpDeviation);
  for (Index j = 0; j < warps; ++j) {
    const double log_a = std::log(params.warp_a[j]);
    const double log_b = std::log(params.warp_b[j]);
    value -= 0.5 * precision * (log_a * log_a + log_b * log_b);
    if (gradient == nullptr) continue;
    (*gradient)[axes + 2 + j] -= precision * log_a;
    (*gradient)[axes + 2 + warps + j] -= precision * log_b;
  }
  return value;
}

GpParams FitGp(const GpData& data) {
  const Index axes = data.points.rows();
  VectorXd low = VectorXd::Constant(axes + 2, std::log(1e-3));
  VectorXd high = VectorXd::Constant(axes + 2, std::log(1e4));
  low[axes] = std::log(1e-2);
  high[axes] = std::log(1e2);
  low[axes + 1] = std::log(kLeastNoise);
  high[axes + 1] = 0;
  const GpData few = Subset(data, kScoutPoints);
  BoxMinimum best;
  // A smooth and a rough explanation: the likelihood often has a maximum for each.
  for (const double inverse_square : {1.0, 16.0}) {
    VectorXd start = VectorXd::Constant(axes + 2, std::log(inverse_square));
    start[axes] = 0;
    start[axes + 1] = std::log(1e-2);
    BoxMinimum found = MinimizeInBox(LossOn(few), start, low, high, {kScoutEvaluations, 1e-2, 1e-5});
    if (best.evaluations == 0 || found.value < best.value) best = std::move(found);
  }
  const GpData most = Subset(data, kFitPoints);
  best = MinimizeInBox(LossOn(most), best.x, low, high, {kEvaluations, 1e-2, 1e-5});
  if (most.values.size() < kWarpedPerAxis * axes) return ParamsOf(best.x, axes);
  // From no warp on: numbers say little of where a function is steep before there are several along each axis.
  const auto widened = [&](const VectorXd& numbers, double warp) {
    VectorXd wide = VectorXd::Constant(3 * axes + 2, warp);
    wide.head(axes + 2) = numbers;
    return wide;
  };
  const BoxMinimum warped = MinimizeInBox(LossOn(most), widened(best.x, 0), widened(low, -kMostWarp),
                                          widened(high, kMostWarp), {kEvaluations, 1e-2, 1e-5});
  return ParamsOf(best.value - warped.value > kWarpEvidence ? warped.x : best.x, axes);
}

}  // namespace lorasweep::search
