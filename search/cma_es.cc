#include "search/cma_es.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include <Eigen/Eigenvalues>

#include "search/normal.h"

namespace lorasweep::search {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kFirstSigma = 0.25;
constexpr int kRedraws = 100;
constexpr double kSmallest = 1e-11;
constexpr double kMostUneven = 1e7;  // ratio of the longest axis to the shortest

// Of the better half of `count` points, best first; they sum to 1.
VectorXd Weights(std::size_t count) {
  const auto half = static_cast<Index>(count / 2);
  VectorXd weights(half);
  for (Index i = 0; i < half; ++i) {
    weights[i] = std::log((static_cast<double>(count) + 1) / 2) - std::log(static_cast<double>(i) + 1);
  }
  return weights / weights.sum();
}

}  // namespace

CmaEs::CmaEs(int dimensions) : population_(4 + static_cast<int>(3 * std::log(dimensions))) {
  Restart(VectorXd::Constant(dimensions, 0.5));
}

void CmaEs::Restart(const VectorXd& mean) {
  const Index n = mean.size();
  generation_ = 0;
  sigma_ = kFirstSigma;
  mean_ = mean;
  covariance_ = MatrixXd::Identity(n, n);
  path_ = VectorXd::Zero(n);
  sigma_path_ = VectorXd::Zero(n);
  Decompose();
}

VectorXd CmaEs::Draw(Rng* rng) const {
  VectorXd point;
  for (int i = 0; i < kRedraws; ++i) {
    VectorXd normal(mean_.size());
    for (double& z : normal) z = NormalQuantile(rng->Uniform());
    point = mean_ + sigma_ * (axes_ * scales_.cwiseProduct(normal));
    if (point.minCoeff() >= 0 && point.maxCoeff() <= 1) return point;
  }
  return point.cwiseMax(0).cwiseMin(1);
}

void CmaEs::Learn(const std::vector<VectorXd>& points, const std::vector<double>& losses) {
  if (points.size() < 2) return;
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return losses[a] < losses[b]; });
  if (losses[order.front()] == losses[order.back()]) return;

  // Names and numbers in parentheses are the tutorial's.
  const auto n = static_cast<double>(mean_.size());
  const VectorXd weights = Weights(points.size());
  const double mass = 1 / weights.squaredNorm();                                                  // μ_eff
  const double c_sigma = (mass + 2) / (n + mass + 5);                                             // (55)
  const double damping = 1 + 2 * std::max(0.0, std::sqrt((mass - 1) / (n + 1)) - 1) + c_sigma;    // (55)
  const double c_c = (4 + mass / n) / (n + 4 + 2 * mass / n);                                     // (56)
  const double c_1 = 2 / ((n + 1.3) * (n + 1.3) + mass);                                          // (57)
  const double c_mu = std::min(1 - c_1, 2 * (mass - 2 + 1 / mass) / ((n + 2) * (n + 2) + mass));  // (58)
  const double expected_norm = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));

  const double reach = std::sqrt(n) + 2 * n / (n + 2);
  VectorXd step = VectorXd::Zero(mean_.size());
  MatrixXd spread = MatrixXd::Zero(mean_.size(), mean_.size());
  for (Index i = 0; i < weights.size(); ++i) {
    VectorXd y = (points[order[static_cast<std::size_t>(i)]] - mean_) / sigma_;
    const double norm = (axes_.transpose() * y).cwiseQuotient(scales_).norm();
    if (norm > reach) y *= reach / norm;
    step += weights[i] * y;
    spread += weights[i] * y * y.transpose();
  }
  ++generation_;
  mean_ = (mean_ + sigma_ * step).cwiseMax(0).cwiseMin(1);
  const VectorXd whitened = axes_ * (axes_.transpose() * step).cwiseQuotient(scales_);
  sigma_path_ = (1 - c_sigma) * sigma_path_ + std::sqrt(c_sigma * (2 - c_sigma) * mass) * whitened;  // (43)
  const double norm = sigma_path_.norm();
  const double settled = std::sqrt(1 - std::pow(1 - c_sigma, 2 * generation_));
  const bool steady = norm / settled < (1.4 + 2 / (n + 1)) * expected_norm;             // h_σ
  path_ = (1 - c_c) * path_ + (steady ? std::sqrt(c_c * (2 - c_c) * mass) : 0) * step;  // (45)
  const double lost = steady ? 0 : c_c * (2 - c_c);
  covariance_ = (1 - c_1 - c_mu + c_1 * lost) * covariance_ + c_1 * path_ * path_.transpose() + c_mu * spread;  // (47)
  // A step size beyond the cube only wastes draws.
  sigma_ = std::min(sigma_ * std::exp(std::min(1.0, c_sigma / damping * (norm / expected_norm - 1))), 1.0);  // (44)
  Decompose();
}

void CmaEs::Decompose() {
  covariance_ = 0.5 * (covariance_ + covariance_.transpose()).eval();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(covariance_);
  axes_ = solver.eigenvectors();
  scales_ = solver.eigenvalues().cwiseMax(1e-30).cwiseSqrt();
}

bool CmaEs::Converged() const {
  return sigma_ * scales_.maxCoeff() < kSmallest || scales_.maxCoeff() > kMostUneven * scales_.minCoeff();
}

}  // namespace lorasweep::search
