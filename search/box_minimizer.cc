#include "search/box_minimizer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <limits>
#include <utility>

namespace lorasweep::search {
namespace {

using Eigen::VectorXd;

constexpr std::size_t kMemory = 10;
constexpr double kSufficientDecrease = 1e-4;
constexpr int kMostHalvings = 20;

struct Pair {
  VectorXd step;
  VectorXd change;  // of the gradient
  double product;
};

// 1 where the bounds leave the variable free to follow the negative gradient, else 0.
VectorXd FreeMask(const VectorXd& x, const VectorXd& gradient, const VectorXd& low, const VectorXd& high) {
  VectorXd mask = VectorXd::Ones(x.size());
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    if ((x[i] <= low[i] && gradient[i] > 0) || (x[i] >= high[i] && gradient[i] < 0)) mask[i] = 0;
  }
  return mask;
}

// The two-loop recursion: the inverse Hessian's estimate times `gradient`, over the free variables.
VectorXd TimesInverseHessian(const std::deque<Pair>& memory, const VectorXd& gradient, const VectorXd& mask) {
  VectorXd q = gradient.cwiseProduct(mask);
  if (memory.empty()) return q / std::max(1.0, 10 * q.norm());
  VectorXd alpha(static_cast<Eigen::Index>(memory.size()));
  for (std::size_t i = memory.size(); i-- > 0;) {
    const auto k = static_cast<Eigen::Index>(i);
    alpha[k] = memory[i].step.cwiseProduct(mask).dot(q) / memory[i].product;
    q -= alpha[k] * memory[i].change.cwiseProduct(mask);
  }
  q *= memory.back().product / memory.back().change.squaredNorm();
  for (std::size_t i = 0; i < memory.size(); ++i) {
    const double beta = memory[i].change.cwiseProduct(mask).dot(q) / memory[i].product;
    q += (alpha[static_cast<Eigen::Index>(i)] - beta) * memory[i].step.cwiseProduct(mask);
  }
  return q;
}

class Minimizer {
 public:
  Minimizer(const SmoothFunction& function, VectorXd start, const VectorXd& low, const VectorXd& high,
            const BoxMinimizerOptions& options)
      : function_(function), low_(low), high_(high), options_(options), x_(std::move(start)) {}

  BoxMinimum Run() {
    value_ = Evaluate(x_, &gradient_);
    while (evaluations_ < options_.evaluations && std::isfinite(value_)) {
      const VectorXd mask = FreeMask(x_, gradient_, low_, high_);
      if (gradient_.cwiseProduct(mask).lpNorm<Eigen::Infinity>() <= options_.gradient_tolerance) break;
      VectorXd direction = -TimesInverseHessian(memory_, gradient_, mask);
      if (!(direction.dot(gradient_) < 0)) {
        memory_.clear();
        direction = -TimesInverseHessian(memory_, gradient_, mask);
      }
      const double before = value_;
      if (!Search(direction)) {
        // A stale curvature may have misled it; the steepest descent has the last word.
        if (memory_.empty()) break;
        memory_.clear();
        continue;
      }
      if (before - value_ <= options_.value_tolerance * std::max(1.0, std::abs(value_))) break;
    }
    return {std::move(x_), value_, evaluations_};
  }

 private:
  double Evaluate(const VectorXd& x, VectorXd* gradient) {
    ++evaluations_;
    gradient->setZero(x.size());
    const double value = function_(x, gradient);
    return std::isfinite(value) && gradient->allFinite() ? value : std::numeric_limits<double>::infinity();
  }

  // Moves along the direction, bent at the bounds, to a point that is lower by enough. False when there is none.
  bool Search(const VectorXd& direction) {
    double length = 1;
    for (int i = 0; i < kMostHalvings && evaluations_ < options_.evaluations; ++i) {
      VectorXd x = (x_ + length * direction).cwiseMax(low_).cwiseMin(high_);
      VectorXd step = x - x_;
      const double slope = gradient_.dot(step);
      if (!(slope < 0)) return false;
      VectorXd gradient;
      const double value = Evaluate(x, &gradient);
      if (value <= value_ + kSufficientDecrease * slope) {
        Remember(std::move(step), gradient - gradient_);
        x_ = std::move(x);
        gradient_ = std::move(gradient);
        value_ = value;
        return true;
      }
      // The minimum of the parabola through what is known, kept within reason.
      const double parabola = std::isfinite(value) ? -0.5 * slope / (value - value_ - slope) : 0.1;
      length *= std::clamp(parabola, 0.1, 0.5);
    }
    return false;
  }

  void Remember(VectorXd step, VectorXd change) {
    const double product = step.dot(change);
    if (product <= 1e-10 * change.squaredNorm()) return;  // keeps the estimate positive definite
    memory_.push_back({std::move(step), std::move(change), product});
    if (memory_.size() > kMemory) memory_.pop_front();
  }

  const SmoothFunction& function_;
  const VectorXd& low_;
  const VectorXd& high_;
  const BoxMinimizerOptions& options_;
  VectorXd x_;
  VectorXd gradient_;
  double value_ = 0;
  int evaluations_ = 0;
  std::deque<Pair> memory_;
};

}  // namespace

BoxMinimum MinimizeInBox(const SmoothFunction& function, VectorXd start, const VectorXd& low, const VectorXd& high,
                         const BoxMinimizerOptions& options) {
  return Minimizer(function, start.cwiseMax(low).cwiseMin(high), low, high, options).Run();
}

}  // namespace lorasweep::search
