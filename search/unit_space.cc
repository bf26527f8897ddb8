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
  for (const Parameter& parameter : space_.free_parameters()) {
    const auto value = params.find(parameter.name);
    if (value == params.end() || !Contains(parameter.domain, value->second)) return std::nullopt;
    if (Cardinality(parameter.domain) != 1) coordinates.push_back(QuantileOf(parameter.domain, value->second));
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

}  // namespace lorasweep::search
