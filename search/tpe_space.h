#pragma once

#include <optional>
#include <string>
#include <vector>

#include "search/parzen_estimator.h"
#include "search/space.h"

namespace lorasweep::search {

// The joint space that TPE models: every free parameter with more than one value. Ordered values are modelled by their
// position, random variables by their quantile, choices by their index. Borrows the space.
class TpeSpace {
 public:
  explicit TpeSpace(const Space& space);

  const std::vector<Axis>& axes() const { return axes_; }
  // The parameter of each axis.
  std::vector<std::string> names() const;

  // Coordinates of a point; nullopt where a free parameter is missing or outside its domain.
  std::optional<std::vector<double>> CoordinatesOf(const Params& params) const;
  // The free parameters at coordinates inside the axes.
  Params ParamsAt(const std::vector<double>& coordinates) const;

 private:
  const Space& space_;
  std::vector<Axis> axes_;
  std::vector<bool> single_;  // of each free parameter: it has one value, and no axis
};

}  // namespace lorasweep::search
