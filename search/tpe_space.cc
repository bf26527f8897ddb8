#include "search/tpe_space.h"

#include <algorithm>
#include <cmath>

#include "search/domain.h"
#include "search/overloaded.h"
#include "search/quantile.h"

namespace lorasweep::search {
namespace {

double LastPoint(const Domain& domain) {
  double number = 0;
  AsNumber(PointAt(domain, *Cardinality(domain) - 1), &number);
  return number;
}

Axis AxisOf(const Domain& domain) {
  return std::visit(
      Overloaded{
          [](const FloatDomain& d) -> Axis {
            if (d.step > 0) return {Axis::Kind::kStepped, d.low, LastPoint(d), d.step, false, {}};
            return {Axis::Kind::kContinuous, d.low, d.high, 0, d.log, {}};
          },
          [](const IntDomain& d) -> Axis {
            return {
                Axis::Kind::kStepped, static_cast<double>(d.low), LastPoint(d), static_cast<double>(d.step), d.log, {}};
          },
          [](const CategoricalDomain& d) -> Axis {
            const std::size_t n = d.choices.size();
            std::vector<double> prior =
                d.probabilities.empty() ? std::vector<double>(n, 1.0 / static_cast<double>(n)) : d.probabilities;
            return {Axis::Kind::kCategorical, 0, static_cast<double>(n) - 1, 0, false, std::move(prior)};
          },
          [](const OrderedDomain& d) -> Axis {
            return {Axis::Kind::kStepped, 0, static_cast<double>(d.values.size()) - 1, 1, false, {}};
          },
          [](const QuantileDomain&) -> Axis { return {Axis::Kind::kContinuous, 0, 1, 0, false, {}}; },
          [](const ConstantDomain&) -> Axis { return {}; },
          [](const DerivedDomain&) -> Axis { return {}; },
      },
      domain);
}

double CoordinateOf(const Domain& domain, const Value& value) {
  if (std::holds_alternative<CategoricalDomain>(domain) || std::holds_alternative<OrderedDomain>(domain)) {
    return static_cast<double>(*DiscreteIndex(domain, value));
  }
  double number = 0;
  AsNumber(value, &number);
  if (const auto* quantile = std::get_if<QuantileDomain>(&domain)) return QuantileCdf(*quantile, number);
  return number;
}

Value ValueAt(const Domain& domain, double coordinate) {
  if (const auto* real = std::get_if<FloatDomain>(&domain)) return Snap(*real, coordinate);
  if (const auto* integer = std::get_if<IntDomain>(&domain)) return Snap(*integer, coordinate);
  if (std::holds_alternative<QuantileDomain>(domain)) {
    return AtQuantile(domain, std::clamp(coordinate, 0x1p-53, 1 - 0x1p-53));
  }
  return PointAt(domain, static_cast<std::int64_t>(std::lround(coordinate)));
}

}  // namespace

TpeSpace::TpeSpace(const Space& space, std::size_t group) : space_(space), members_(space.groups()[group]) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    single_.push_back(Cardinality(parameter(i).domain) == 1);
    if (!single_.back()) axes_.push_back(AxisOf(parameter(i).domain));
  }
}

std::vector<std::string> TpeSpace::names() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < single_.size(); ++i) {
    if (!single_[i]) names.push_back(parameter(i).name);
  }
  return names;
}

std::optional<std::vector<double>> TpeSpace::CoordinatesOf(const Params& params) const {
  std::vector<double> coordinates;
  coordinates.reserve(axes_.size());
  // Both are in the order of names: one walk over both finds all.
  auto value = params.begin();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& [name, domain, when] = parameter(i);
    while (value != params.end() && value->first < name) ++value;
    if (value == params.end() || value->first != name || !search::Contains(domain, value->second)) return std::nullopt;
    if (!single_[i]) coordinates.push_back(CoordinateOf(domain, value->second));
  }
  return coordinates;
}

bool TpeSpace::Contains(const Params& params) const {
  if (!space_.conditional()) return CoordinatesOf(params).has_value();
  const std::vector<bool> in_use = space_.InUse(params);
  for (std::size_t i = 0; i < in_use.size(); ++i) {
    const Parameter& free = space_.free_parameters()[i];
    const auto value = params.find(free.name);
    if (in_use[i] && (value == params.end() || !search::Contains(free.domain, value->second))) return false;
  }
  return true;
}

Params TpeSpace::ParamsAt(const std::vector<double>& coordinates) const {
  Params params;
  std::size_t axis = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const Domain& domain = parameter(i).domain;
    params.emplace(parameter(i).name, single_[i] ? PointAt(domain, 0) : ValueAt(domain, coordinates[axis++]));
  }
  return params;
}

}  // namespace lorasweep::search
