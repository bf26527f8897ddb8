#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "search/rng.h"

namespace lorasweep::search {

// One dimension of a joint space as an estimator sees it.
struct Axis {
  enum class Kind { kContinuous, kStepped, kCategorical };
  Kind kind = Kind::kContinuous;
  double low = 0;  // bounds of the values themselves, also on a logarithmic scale
  double high = 1;
  double step = 0;  // kStepped: values are low + k * step
  bool log = false;
  std::vector<double> prior;  // kCategorical: probability of each choice before any observation; values are indices
};

// So many of the newest observations count in full.
inline constexpr std::size_t kFullWeight = 25;

// Weights of n observations, oldest first: a ramp from 1/n up to 1, then kFullWeight of 1.
std::vector<double> KernelWeights(std::size_t n);

// A density over a joint space: a mixture of one product kernel around each observation and one prior kernel over the
// whole space. Optuna 5's _ParzenEstimator with the defaults of its TPESampler: prior weight 1, magic clip on,
// endpoints off, weights that fade with age as KernelWeights has it, unless others are given.
//
// Immutable. Building it takes time linear in the number of observations (but for a sort), and so does a density.
class ParzenEstimator {
 public:
  // observations[i] has one coordinate for each axis, inside the axis; oldest first. weights[i] is its weight against
  // the prior's 1.
  ParzenEstimator(std::vector<Axis> axes, const std::vector<std::vector<double>>& observations,
                  std::vector<double> weights);
  ParzenEstimator(std::vector<Axis> axes, const std::vector<std::vector<double>>& observations)
      : ParzenEstimator(std::move(axes), observations, KernelWeights(observations.size())) {}

  std::vector<double> Sample(Rng* rng) const;

  // Logarithm of the density (of the probability, on stepped and categorical axes) at `point`. On logarithmic axes
  // the density is that of the logarithm.
  double LogDensity(const std::vector<double>& point) const;

 private:
  // The marginals of all kernels along one axis. Kernel i belongs to observation i; the last is the prior.
  struct Marginals {
    // Numeric axes. Kernels of equal mu and sigma are one shape: on stepped axes there are few of them.
    struct Shape {
      double mu = 0;
      double sigma = 0;
      // Subtracted from the logarithm of the kernel's exponent or cell: that of the mass inside the bounds, and on
      // continuous axes of sigma √(2π).
      double log_scale = 0;
    };
    double low = 0;  // bounds of the truncation on the scale of mu
    double high = 0;
    std::vector<Shape> shapes;
    // Categorical axes: log probability of each choice when it is the kernel's own, another's, and under the prior.
    std::vector<double> own;
    std::vector<double> other;
    std::vector<double> prior;
    std::vector<std::uint32_t> index;  // of each kernel: its shape, or its choice
  };

  static Marginals NumericMarginals(const Axis& axis, std::vector<double> mu);
  static Marginals CategoricalMarginals(const Axis& axis, const std::vector<double>& observed);
  static void AddNumeric(const Axis& axis, const Marginals& marginals, double x, std::vector<double>* log_density);
  static void AddCategorical(const Marginals& marginals, double x, std::vector<double>* log_density);

  std::vector<Axis> axes_;
  std::vector<Marginals> marginals_;
  std::vector<double> weights_;      // sum to 1
  std::vector<double> log_weights_;  // their logarithms
};

}  // namespace lorasweep::search
