#include "search/unit_space.h"

#include <algorithm>

#include "search/domain.h"

namespace lorasweep::search {
namespace {

// More points in order than this are as good as a continuum.
constexpr std::int64_t kMostListed = 16;

UnitAxis AxisOf(const Domain& domain) {
  UnitAxis axis;
  const std::optional<std::int64_t> count = Cardinality(domain);
  const bool categorical = std::holds_alternative<CategoricalDomain>(domain);
  if (!count || (!categorical && *count > kMostListed)) return axis;
  axis.kind = categorical ? UnitAxis::Kind::kCategorical : UnitAxis::Kind::kOrdered;
  for (std::int64_t i = 0; i < *count; ++i) axis.coordinates.push_back(QuantileOf(domain, PointAt(domain, i)));
  return axis;
}

Value ValueAt(const Domain& domain, double coordinate) {
  // Random variables without bounds are infinite at the ends.
  const double end = std::holds_alternative<QuantileDomain>(domain) ? 0x1p-53 : 0;
  return AtQuantile(domain, std::clamp(coordinate, end, 1 - end));
}

}  // namespace

UnitSpace::UnitSpace(const Space& space) : space_(space) {
  const auto& free = space_.free_parameters();
  for (std::size_t i = 0; i < free.size(); ++i) {
    if (Cardinality(free[i].domain) == 1) continue;
    axes_.push_back(AxisOf(free[i].domain));
    parameters_.push_back(i);
  }
}

std::optional<std::vector<double>> UnitSpace::CoordinatesOf(const Params& params) const {
  std::vector<double> coordinates;
  coordinates.reserve(axes_.size());
  const auto& free = space_.free_parameters();
  const std::vector<bool> in_use = space_.InUse(params);
  for (std::size_t i = 0; i < free.size(); ++i) {
    const bool single = Cardinality(free[i].domain) == 1;
    if (!in_use[i]) {
      if (!single) coordinates.push_back(Middle(coordinates.size()));
      continue;
    }
    const auto value = params.find(free[i].name);
    if (value == params.end() || !Contains(free[i].domain, value->second)) return std::nullopt;
    if (!single) coordinates.push_back(QuantileOf(free[i].domain, value->second));
  }
  return coordinates;
}

Params UnitSpace::ParamsAt(const std::vector<double>& coordinates) const {
  Params params;
  for (const Parameter& parameter : space_.free_parameters()) {
    if (Cardinality(parameter.domain) == 1) params.emplace(parameter.name, PointAt(parameter.domain, 0));
  }
  for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
    const Parameter& parameter = space_.free_parameters()[parameters_[axis]];
    params.emplace(parameter.name, ValueAt(parameter.domain, coordinates[axis]));
  }
  return params;
}

double UnitSpace::Snapped(std::size_t axis, double coordinate) const {
  const Domain& domain = space_.free_parameters()[parameters_[axis]].domain;
  return QuantileOf(domain, ValueAt(domain, coordinate));
}

std::vector<bool> UnitSpace::InUse(const std::vector<double>& coordinates) const {
  if (!space_.conditional()) return std::vector<bool>(axes_.size(), true);
  const std::vector<bool> free = space_.InUse(ParamsAt(coordinates));
  std::vector<bool> in_use;
  for (const std::size_t parameter : parameters_) in_use.push_back(free[parameter]);
  return in_use;
}

void UnitSpace::Settle(std::vector<double>* coordinates) const {
  if (!space_.conditional()) return;
  const std::vector<bool> in_use = InUse(*coordinates);
  for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
    if (!in_use[axis]) (*coordinates)[axis] = Middle(axis);
  }
}

}  // namespace lorasweep::search
