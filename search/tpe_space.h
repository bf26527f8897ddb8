#pragma once

#include <optional>
#include <string>
#include <vector>

#include "search/parzen_estimator.h"
#include "search/space.h"

namespace lorasweep::search {

// A joint space that TPE models: the free parameters with more than one value of one group, which are in use together
// (Space::groups). Ordered values are modelled by their position, random variables by their quantile, choices by their
// index. Borrows the space.
class TpeSpace {
 public:
  explicit TpeSpace(const Space& space, std::size_t group = 0);

  const std::vector<Axis>& axes() const { return axes_; }
  // The parameter of each axis.
  std::vector<std::string> names() const;
  const Space& space() const { return space_; }

  // Coordinates of a point; nullopt where a parameter of the group is missing, because it is not in use there or
  // because the point is another space's, or outside its domain.
  std::optional<std::vector<double>> CoordinatesOf(const Params& params) const;
  // Is it a point of the whole space?
  bool Contains(const Params& params) const;
  // The group's parameters at coordinates inside the axes.
  Params ParamsAt(const std::vector<double>& coordinates) const;

 private:
  const Parameter& parameter(std::size_t i) const { return space_.free_parameters()[members_[i]]; }

  const Space& space_;
  const std::vector<std::size_t>& members_;  // of the group: indices of free parameters
  std::vector<Axis> axes_;
  std::vector<bool> single_;  // of each member: it has one value, and no axis
};

}  // namespace lorasweep::search
