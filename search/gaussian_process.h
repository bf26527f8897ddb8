#pragma once

#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace lorasweep::search {

// Hyperparameters. The covariance of f(x) and f(y) is
//   signal * m(r),  m(r) = (1 + √5 r + 5/3 r²) exp(-√5 r),  r² = Σ_j inverse_squares[j] * δ_j
// (Matérn 5/2; Rasmussen and Williams 2006, eq. 4.17), where δ_j is (x_j - y_j)² on numeric axes and 1 for unequal
// choices on categorical ones. Numeric coordinates are bent by InputWarp first, where there are warps. Observations add
// independent noise of variance `noise`.
struct GpParams {
  Eigen::VectorXd inverse_squares;  // 1 / length-scale² of each axis
  double signal = 1;
  double noise = 1e-2;
  // a and b of each axis's warp; both empty: coordinates are taken as they are. Those of categorical axes say nothing.
  Eigen::VectorXd warp_a = {};
  Eigen::VectorXd warp_b = {};
};

// What a process is conditioned on.
struct GpData {
  std::vector<bool> categorical;     // of each axis
  Eigen::MatrixXd points;            // a column each
  Eigen::VectorXd values;            // of the first values.size() points; the others are pending
  Eigen::VectorXd extra_noise = {};  // of each value: variance on top of GpParams::noise; empty: none
};

// log p(values | points, params) of the points that have a value. With `gradient`: its derivatives by the logarithms of
// inverse_squares, signal, noise, warp_a and warp_b, in this order. Time: cubic in the number of values.
double LogMarginalLikelihood(const GpData& data, const GpParams& params, Eigen::VectorXd* gradient);

// A Gaussian process with zero prior mean, conditioned on noisy observations. Pending points narrow the variance as if
// they had been observed at their mean ("kriging believer", Ginsbourger et al. 2010), which leaves the mean alone.
// Immutable. Building takes cubic time in the number of points, a prediction quadratic.
class GaussianProcess {
 public:
  GaussianProcess(GpData data, GpParams params);

  // Of f, without noise. The variance is at least a rounding error above 0.
  struct Prediction {
    double mean = 0;
    double variance = 0;
  };
  // With gradients by the point where they are asked for (both or neither); that by a categorical axis is 0.
  Prediction Predict(const Eigen::VectorXd& point, Eigen::VectorXd* mean_gradient = nullptr,
                     Eigen::VectorXd* variance_gradient = nullptr) const;
  // Of every column of `points`; cheaper than one by one.
  void PredictAll(const Eigen::MatrixXd& points, Eigen::VectorXd* means, Eigen::VectorXd* variances) const;

  // The means alone; far cheaper.
  Eigen::VectorXd Means(const Eigen::MatrixXd& points) const;
  // Of the average of f over the columns of `points`, of which there is one at least.
  Prediction AverageOver(const Eigen::MatrixXd& points) const;

  // The means at the points that have a value.
  Eigen::VectorXd FittedMeans() const;
  // What the values would be predicted as, each without itself (Rasmussen and Williams, eq. 5.12).
  Eigen::VectorXd LeftOutMeans() const;
  const Eigen::VectorXd& values() const { return data_.values; }

  Eigen::Index size() const { return data_.points.cols(); }
  const GpParams& params() const { return params_; }

 private:
  // Of f at all points with f at each of `warped`.
  Eigen::MatrixXd CovarianceWith(const Eigen::MatrixXd& warped) const;

  GpData data_;  // its points are warped
  GpParams params_;
  Eigen::LLT<Eigen::MatrixXd> factor_;  // of the covariance of all points, noise included
  Eigen::VectorXd weights_;             // covariance⁻¹ values, of the points that have a value
};

}  // namespace lorasweep::search
