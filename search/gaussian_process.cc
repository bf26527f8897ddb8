#include "search/gaussian_process.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "search/input_warp.h"

namespace lorasweep::search {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

const double kRoot5 = std::sqrt(5.0);

// m(r) and its derivative by r², which unlike that by r is smooth at 0.
struct Matern {
  explicit Matern(double r_squared) {
    const double z = kRoot5 * std::sqrt(r_squared);
    const double decay = std::exp(-z);
    value = (1 + z + z * z / 3) * decay;
    slope = -5.0 / 6.0 * (1 + z) * decay;
  }
  double value;
  double slope;
};

double Apart(bool categorical, double x, double y) {
  if (categorical) return x == y ? 0 : 1;
  return (x - y) * (x - y);
}

double DistanceSquared(const GpData& data, const GpParams& params, const double* x, const double* y) {
  double sum = 0;
  for (Index j = 0; j < params.inverse_squares.size(); ++j) {
    sum += params.inverse_squares[j] * Apart(data.categorical[static_cast<std::size_t>(j)], x[j], y[j]);
  }
  return sum;
}

bool IsWarped(const GpData& data, const GpParams& params, Index axis) {
  return params.warp_a.size() > 0 && !data.categorical[static_cast<std::size_t>(axis)];
}

// `points` bent by the warps; fills their derivatives by the logarithms of a and b where they are asked for (both or
// neither).
MatrixXd Warped(const GpData& data, const GpParams& params, const MatrixXd& points, MatrixXd* by_log_a = nullptr,
                MatrixXd* by_log_b = nullptr) {
  MatrixXd warped = points;
  if (by_log_a != nullptr) {
    by_log_a->setZero(points.rows(), points.cols());
    by_log_b->setZero(points.rows(), points.cols());
  }
  for (Index j = 0; j < points.rows(); ++j) {
    if (!IsWarped(data, params, j)) continue;
    for (Index i = 0; i < points.cols(); ++i) {
      const InputWarp warp(points(j, i), params.warp_a[j], params.warp_b[j]);
      warped(j, i) = warp.value;
      if (by_log_a == nullptr) continue;
      (*by_log_a)(j, i) = warp.by_log_a;
      (*by_log_b)(j, i) = warp.by_log_b;
    }
  }
  return warped;
}

// The lower triangle of the covariance of the first `count` points, noise included; `slopes`, where asked for, gets
// signal * dm/dr² below the diagonal.
MatrixXd Covariance(const GpData& data, const GpParams& params, Index count, MatrixXd* slopes) {
  MatrixXd covariance(count, count);
  if (slopes != nullptr) slopes->setZero(count, count);
  for (Index b = 0; b < count; ++b) {
    covariance(b, b) = params.signal + params.noise + (b < data.extra_noise.size() ? data.extra_noise[b] : 0);
    for (Index a = b + 1; a < count; ++a) {
      const Matern matern(DistanceSquared(data, params, data.points.col(a).data(), data.points.col(b).data()));
      covariance(a, b) = params.signal * matern.value;
      if (slopes != nullptr) (*slopes)(a, b) = params.signal * matern.slope;
    }
  }
  return covariance;
}

// Adds to the diagonal until rounding no longer makes the matrix indefinite.
Eigen::LLT<MatrixXd> Factor(MatrixXd covariance) {
  Eigen::LLT<MatrixXd> factor(covariance);
  for (double jitter = 1e-10 * covariance(0, 0); factor.info() != Eigen::Success; jitter *= 10) {
    covariance.diagonal().array() += jitter;
    factor.compute(covariance);
  }
  return factor;
}

}  // namespace

double LogMarginalLikelihood(const GpData& observed, const GpParams& params, VectorXd* gradient) {
  const Index count = observed.values.size();
  const Index axes = params.inverse_squares.size();
  const Index warps = params.warp_a.size();
  if (count == 0) {
    if (gradient != nullptr) gradient->setZero(axes + 2 + 2 * warps);
    return 0;
  }
  GpData data = observed;
  MatrixXd by_log_a;
  MatrixXd by_log_b;
  const bool differentiates_warps = gradient != nullptr && warps > 0;
  data.points = Warped(observed, params, observed.points, differentiates_warps ? &by_log_a : nullptr, &by_log_b);
  MatrixXd slopes;
  const MatrixXd covariance = Covariance(data, params, count, gradient != nullptr ? &slopes : nullptr);
  const Eigen::LLT<MatrixXd> factor = Factor(covariance);
  const VectorXd weights = factor.solve(data.values);
  const double log_root_determinant = factor.matrixLLT().diagonal().array().log().sum();
  if (gradient != nullptr) {
    // ∂/∂θ = ½ tr(W ∂K/∂θ), W = weights weightsᵀ - K⁻¹ (Rasmussen and Williams, eq. 5.9). Symmetry halves the work.
    const MatrixXd root_inverse = factor.matrixL().solve(MatrixXd::Identity(count, count));
    MatrixXd w = MatrixXd::Zero(count, count);
    w.selfadjointView<Eigen::Lower>().rankUpdate(root_inverse.transpose(), -1.0);
    w.selfadjointView<Eigen::Lower>().rankUpdate(weights);
    VectorXd by_square = VectorXd::Zero(axes);
    VectorXd by_a = VectorXd::Zero(axes);
    VectorXd by_b = VectorXd::Zero(axes);
    double by_signal = 0;
    for (Index b = 0; b < count; ++b) {
      const double* y = data.points.col(b).data();
      for (Index a = b + 1; a < count; ++a) {
        const double* x = data.points.col(a).data();
        const double weight = w(a, b) * slopes(a, b);
        by_signal += w(a, b) * covariance(a, b);
        for (Index j = 0; j < axes; ++j) {
          by_square[j] += weight * Apart(data.categorical[static_cast<std::size_t>(j)], x[j], y[j]);
        }
        for (Index j = 0; j < warps; ++j) {
          by_a[j] += weight * (x[j] - y[j]) * (by_log_a(j, a) - by_log_a(j, b));
          by_b[j] += weight * (x[j] - y[j]) * (by_log_b(j, a) - by_log_b(j, b));
        }
      }
    }
    const double trace = w.trace();
    gradient->resize(axes + 2 + 2 * warps);
    gradient->segment(axes + 2, warps) = 2 * by_a.head(warps).cwiseProduct(params.inverse_squares.head(warps));
    gradient->tail(warps) = 2 * by_b.head(warps).cwiseProduct(params.inverse_squares.head(warps));
    gradient->head(axes) = by_square.cwiseProduct(params.inverse_squares);
    (*gradient)[axes] = by_signal + 0.5 * params.signal * trace;
    (*gradient)[axes + 1] = 0.5 * params.noise * trace;
  }
  return -0.5 * data.values.dot(weights) - log_root_determinant -
         0.5 * static_cast<double>(count) * std::log(2 * std::numbers::pi);
}

GaussianProcess::GaussianProcess(GpData data, GpParams params) : data_(std::move(data)), params_(std::move(params)) {
  if (data_.points.cols() == 0) return;
  data_.points = Warped(data_, params_, data_.points);
  factor_ = Factor(Covariance(data_, params_, data_.points.cols(), nullptr));
  // The factor of the observed points is the upper left corner of the whole factor.
  const Index observed = data_.values.size();
  const auto corner = factor_.matrixLLT().topLeftCorner(observed, observed);
  weights_ = data_.values;
  corner.triangularView<Eigen::Lower>().solveInPlace(weights_);
  corner.triangularView<Eigen::Lower>().transpose().solveInPlace(weights_);
}

VectorXd GaussianProcess::FittedMeans() const {
  VectorXd noise = VectorXd::Constant(data_.values.size(), params_.noise);
  if (data_.extra_noise.size() > 0) noise += data_.extra_noise;
  return data_.values - noise.cwiseProduct(weights_);
}

GaussianProcess::Prediction GaussianProcess::Predict(const VectorXd& point, VectorXd* mean_gradient,
                                                     VectorXd* variance_gradient) const {
  const VectorXd x = Warped(data_, params_, point);
  const Index axes = params_.inverse_squares.size();
  const Index count = data_.points.cols();
  const Index observed = data_.values.size();
  VectorXd covariance(count);
  VectorXd slopes(count);
  for (Index i = 0; i < count; ++i) {
    const Matern matern(DistanceSquared(data_, params_, x.data(), data_.points.col(i).data()));
    covariance[i] = params_.signal * matern.value;
    slopes[i] = params_.signal * matern.slope;
  }
  VectorXd solved = covariance;
  if (count > 0) factor_.matrixL().solveInPlace(solved);
  Prediction prediction;
  prediction.mean = observed > 0 ? covariance.head(observed).dot(weights_) : 0;
  prediction.variance = std::max(params_.signal - solved.squaredNorm(), 1e-12 * params_.signal);
  if (mean_gradient == nullptr) return prediction;

  if (count > 0) factor_.matrixU().solveInPlace(solved);
  mean_gradient->setZero(axes);
  variance_gradient->setZero(axes);
  for (Index i = 0; i < count; ++i) {
    const double by_mean = i < observed ? weights_[i] * slopes[i] : 0;
    const double by_variance = -2 * solved[i] * slopes[i];
    for (Index j = 0; j < axes; ++j) {
      if (data_.categorical[static_cast<std::size_t>(j)]) continue;
      const double along = 2 * params_.inverse_squares[j] * (x[j] - data_.points(j, i));
      (*mean_gradient)[j] += by_mean * along;
      (*variance_gradient)[j] += by_variance * along;
    }
  }
  for (Index j = 0; j < axes; ++j) {
    if (!IsWarped(data_, params_, j)) continue;
    const double by_x = InputWarp(point[j], params_.warp_a[j], params_.warp_b[j]).by_x;
    (*mean_gradient)[j] *= by_x;
    (*variance_gradient)[j] *= by_x;
  }
  return prediction;
}

MatrixXd GaussianProcess::CovarianceWith(const MatrixXd& warped) const {
  MatrixXd covariance(data_.points.cols(), warped.cols());
  for (Index p = 0; p < warped.cols(); ++p) {
    for (Index i = 0; i < covariance.rows(); ++i) {
      const Matern matern(DistanceSquared(data_, params_, warped.col(p).data(), data_.points.col(i).data()));
      covariance(i, p) = params_.signal * matern.value;
    }
  }
  return covariance;
}

VectorXd GaussianProcess::Means(const MatrixXd& points) const {
  const MatrixXd covariance = CovarianceWith(Warped(data_, params_, points));
  return covariance.topRows(data_.values.size()).transpose() * weights_;
}

GaussianProcess::Prediction GaussianProcess::AverageOver(const MatrixXd& points) const {
  const MatrixXd warped = Warped(data_, params_, points);
  double among = 0;
  for (Index p = 0; p < warped.cols(); ++p) {
    for (Index q = 0; q < warped.cols(); ++q) {
      among += Matern(DistanceSquared(data_, params_, warped.col(p).data(), warped.col(q).data())).value;
    }
  }
  among *= params_.signal / static_cast<double>(warped.cols() * warped.cols());
  VectorXd average = CovarianceWith(warped).rowwise().mean();
  const double mean = average.head(data_.values.size()).dot(weights_);
  if (average.size() > 0) factor_.matrixL().solveInPlace(average);
  return {mean, std::max(among - average.squaredNorm(), 1e-12 * params_.signal)};
}

VectorXd GaussianProcess::LeftOutMeans() const {
  const Index count = data_.values.size();
  MatrixXd root_inverse = MatrixXd::Identity(count, count);
  factor_.matrixLLT().topLeftCorner(count, count).triangularView<Eigen::Lower>().solveInPlace(root_inverse);
  const VectorXd precisions = root_inverse.colwise().squaredNorm();
  return data_.values - weights_.cwiseQuotient(precisions);
}

void GaussianProcess::PredictAll(const MatrixXd& points, VectorXd* means, VectorXd* variances) const {
  const Index count = data_.points.cols();
  const Index observed = data_.values.size();
  means->setZero(points.cols());
  variances->setConstant(points.cols(), params_.signal);
  if (count == 0) return;
  MatrixXd covariance = CovarianceWith(Warped(data_, params_, points));
  if (observed > 0) *means = covariance.topRows(observed).transpose() * weights_;
  factor_.matrixL().solveInPlace(covariance);
  *variances -= covariance.colwise().squaredNorm().transpose();
  *variances = variances->cwiseMax(1e-12 * params_.signal);
}

}  // namespace lorasweep::search
