#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "search/space.h"

namespace lorasweep::search {

// One dimension of the unit cube.
struct UnitAxis {
  enum class Kind {
    kContinuous,   // any number; also where points are too many to list
    kOrdered,      // `coordinates` ascend, and neighbours are alike
    kCategorical,  // coordinates tell choices apart and mean nothing else
  };
  Kind kind = Kind::kContinuous;
  std::vector<double> coordinates;  // of every point, where they can be listed
};

// The unit cube that models see: every free parameter with more than one value, at its quantile in its domain's
// distribution. Logarithmic scales, steps, weights and random variables so become uniform. A parameter that is not in
// use stands in the middle, so that points do not differ by it. Borrows the space.
class UnitSpace {
 public:
  explicit UnitSpace(const Space& space);

  const std::vector<UnitAxis>& axes() const { return axes_; }

  // The free parameter that an axis is of.
  const Parameter& parameter(std::size_t axis) const { return space_.free_parameters()[parameters_[axis]]; }

  // Coordinates of a point; nullopt where a free parameter that is in use is missing or outside its domain.
  std::optional<std::vector<double>> CoordinatesOf(const Params& params) const;
  // The free parameters at coordinates in [0, 1], also those that are not in use.
  Params ParamsAt(const std::vector<double>& coordinates) const;
  // `coordinate` of axis `axis` moved to that of the point it stands for.
  double Snapped(std::size_t axis, double coordinate) const;

  // Some axis may not be in use.
  bool conditional() const { return space_.conditional(); }
  // Of each axis, whether it is in use at `coordinates`.
  std::vector<bool> InUse(const std::vector<double>& coordinates) const;
  // Moves axes that are not in use to the middle.
  void Settle(std::vector<double>* coordinates) const;

 private:
  double Middle(std::size_t axis) const { return Snapped(axis, 0.5); }

  const Space& space_;
  std::vector<UnitAxis> axes_;
  std::vector<std::size_t> parameters_;  // of each axis: its index among the free parameters
};

}  // namespace lorasweep::search
