#pragma once

#include <functional>

#include <Eigen/Core>

namespace lorasweep::search {

// The value of a smooth function at x; fills its gradient.
using SmoothFunction = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd* gradient)>;

struct BoxMinimizerOptions {
  int evaluations = 100;             // of the function, at most
  double gradient_tolerance = 1e-5;  // stop when no component of the projected gradient is larger
  double value_tolerance = 1e-9;     // or when a step gains less than so much of the value's size
};

struct BoxMinimum {
  Eigen::VectorXd x;
  double value = 0;
  int evaluations = 0;
};

// A local minimum of `function` in the box low <= x <= high, from `start` in it: limited-memory BFGS over the variables
// that the bounds leave free, with a projected line search (Bertsekas 1982; Nocedal and Wright, Numerical Optimization,
// §7.2 and §16.7). Never leaves the box and never ends above the start. Values that are not finite count as infinitely
// high.
BoxMinimum MinimizeInBox(const SmoothFunction& function, Eigen::VectorXd start, const Eigen::VectorXd& low,
                         const Eigen::VectorXd& high, const BoxMinimizerOptions& options = {});

}  // namespace lorasweep::search
