#include "search/domain.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <vector>

#include "search/overloaded.h"
#include "search/quantile.h"

namespace lorasweep::search {
namespace {

// Relative to the step: how far from a multiple a number may be to count as one.
constexpr double kStepTolerance = 1e-6;

// low + k * step without the last digits' noise: 0.3, not 0.30000000000000004.
double Multiple(double low, double step, double k) {
  const double exact = low + k * step;
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), exact, std::chars_format::general, 12).ptr;
  double rounded = exact;
  std::from_chars(buffer, end, rounded);
  return std::abs(rounded - exact) <= 1e-9 * step ? rounded : exact;
}

std::int64_t LastIndex(const FloatDomain& domain) {
  return static_cast<std::int64_t>(std::floor((domain.high - domain.low) / domain.step + kStepTolerance));
}

std::int64_t LastIndex(const IntDomain& domain) {
  return (domain.high - domain.low) / domain.step;
}

// Number of the step nearest to `number` counted from `low`, if that is close enough to it.
std::optional<std::int64_t> StepIndex(double number, double low, double step) {
  const double index = std::round((number - low) / step);
  if (!(std::abs(index) <= static_cast<double>(kMaxInteger))) return std::nullopt;
  if (std::abs(number - (low + index * step)) > kStepTolerance * step) return std::nullopt;
  return static_cast<std::int64_t>(index);
}

std::optional<std::int64_t> IndexOf(const std::vector<Value>& values, const Value& value) {
  const auto found = std::find_if(values.begin(), values.end(), [&](const Value& v) { return SameValue(v, value); });
  if (found == values.end()) return std::nullopt;
  return found - values.begin();
}

bool ContainsNumber(const FloatDomain& domain, double number) {
  if (!(number >= domain.low && number <= domain.high)) return false;
  return domain.step == 0 || domain.low == domain.high || StepIndex(number, domain.low, domain.step).has_value();
}

bool ContainsNumber(const IntDomain& domain, double number) {
  if (std::floor(number) != number || number < static_cast<double>(domain.low) ||
      number > static_cast<double>(domain.high)) {
    return false;
  }
  return (static_cast<std::int64_t>(number) - domain.low) % domain.step == 0;
}

bool ContainsNumber(const QuantileDomain& domain, double number) {
  if (!std::isfinite(number)) return false;
  if (domain.step > 0 && !StepIndex(number, 0, domain.step)) return false;
  // Rounding may move a value out of the support by half a step.
  const Support support = SupportOf(domain);
  const double slack = domain.step > 0 ? domain.step * (0.5 + kStepTolerance) : 1e-12 * std::abs(number);
  return number >= support.low - slack && number <= support.high + slack;
}

template <class D>
bool ContainsValue(const D& domain, const Value& value) {
  double number;
  return AsNumber(value, &number) && ContainsNumber(domain, number);
}

std::size_t CumulativeIndex(const std::vector<double>& probabilities, double u) {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < probabilities.size(); ++i) {
    sum += probabilities[i];
    if (u < sum) return i;
  }
  return probabilities.size() - 1;
}

std::size_t UniformIndex(std::size_t count, double u) {
  return std::min(static_cast<std::size_t>(u * static_cast<double>(count)), count - 1);
}

std::size_t Count(const FloatDomain& domain) {
  return static_cast<std::size_t>(LastIndex(domain)) + 1;
}
std::size_t Count(const IntDomain& domain) {
  return static_cast<std::size_t>(LastIndex(domain)) + 1;
}

}  // namespace

bool SameValue(const Value& a, const Value& b) {
  double x;
  double y;
  if (AsNumber(a, &x) && AsNumber(b, &y)) return x == y;
  return a == b;
}

Value Canonical(const Domain& domain, const Value& value) {
  double number = 0;
  AsNumber(value, &number);
  return std::visit(
      Overloaded{
          [&](const FloatDomain& d) { return d.step > 0 ? Snap(d, number) : Value(number); },
          [&](const IntDomain&) { return Value(static_cast<std::int64_t>(number)); },
          [&](const QuantileDomain&) { return Value(number); },
          [&](const CategoricalDomain& d) { return d.choices[static_cast<std::size_t>(*IndexOf(d.choices, value))]; },
          [&](const OrderedDomain& d) { return d.values[static_cast<std::size_t>(*IndexOf(d.values, value))]; },
          [&](const ConstantDomain& d) { return d.value; },
          [&](const DerivedDomain&) { return value; },
      },
      domain);
}

bool IsFree(const Domain& domain) {
  return !std::holds_alternative<ConstantDomain>(domain) && !std::holds_alternative<DerivedDomain>(domain);
}

std::optional<std::int64_t> Cardinality(const Domain& domain) {
  using Number = std::optional<std::int64_t>;
  return std::visit(
      Overloaded{
          [](const FloatDomain& d) -> Number {
            if (d.low == d.high) return 1;
            return d.step > 0 ? Number(LastIndex(d) + 1) : std::nullopt;
          },
          [](const IntDomain& d) -> Number { return LastIndex(d) + 1; },
          [](const CategoricalDomain& d) -> Number { return static_cast<std::int64_t>(d.choices.size()); },
          [](const OrderedDomain& d) -> Number { return static_cast<std::int64_t>(d.values.size()); },
          [](const QuantileDomain&) -> Number { return std::nullopt; },
          [](const ConstantDomain&) -> Number { return 1; },
          [](const DerivedDomain&) -> Number { return std::nullopt; },
      },
      domain);
}

Value PointAt(const Domain& domain, std::int64_t index) {
  const auto i = static_cast<std::size_t>(index);
  return std::visit(
      Overloaded{
          [&](const FloatDomain& d) {
            return Value(index == 0 ? d.low : std::min(Multiple(d.low, d.step, static_cast<double>(index)), d.high));
          },
          [&](const IntDomain& d) { return Value(d.low + index * d.step); },
          [&](const CategoricalDomain& d) { return d.choices[i]; },
          [&](const OrderedDomain& d) { return d.values[i]; },
          [&](const QuantileDomain&) { return Value(0.0); },
          [&](const ConstantDomain& d) { return d.value; },
          [&](const DerivedDomain&) { return Value(0.0); },
      },
      domain);
}

bool IsDiscrete(const Domain& domain) {
  if (const auto* quantile = std::get_if<QuantileDomain>(&domain)) return quantile->step > 0;
  return Cardinality(domain).has_value();
}

std::optional<std::int64_t> DiscreteIndex(const Domain& domain, const Value& value) {
  if (!IsDiscrete(domain) || !Contains(domain, value)) return std::nullopt;
  double number = 0;
  AsNumber(value, &number);
  using Index = std::optional<std::int64_t>;
  return std::visit(
      Overloaded{
          [&](const FloatDomain& d) -> Index { return d.step > 0 ? StepIndex(number, d.low, d.step) : Index(0); },
          [&](const IntDomain& d) -> Index { return (static_cast<std::int64_t>(number) - d.low) / d.step; },
          [&](const CategoricalDomain& d) -> Index { return IndexOf(d.choices, value); },
          [&](const OrderedDomain& d) -> Index { return IndexOf(d.values, value); },
          [&](const QuantileDomain& d) -> Index { return StepIndex(number, 0, d.step); },
          [&](const ConstantDomain&) -> Index { return 0; },
          [&](const DerivedDomain&) -> Index { return std::nullopt; },
      },
      domain);
}

Value AtQuantile(const Domain& domain, double u) {
  return std::visit(Overloaded{
                        [&](const FloatDomain& d) {
                          if (d.step > 0) return PointAt(d, static_cast<std::int64_t>(UniformIndex(Count(d), u)));
                          if (!d.log) return Snap(d, d.low + u * (d.high - d.low));
                          const double low = std::log(d.low);
                          return Snap(d, std::exp(low + u * (std::log(d.high) - low)));
                        },
                        [&](const IntDomain& d) {
                          if (!d.log) return PointAt(d, static_cast<std::int64_t>(UniformIndex(Count(d), u)));
                          // Every integer owns the interval of half a unit around it, as wide as that is on the
                          // logarithmic scale.
                          const double low = std::log(static_cast<double>(d.low) - 0.5);
                          const double high = std::log(static_cast<double>(d.high) + 0.5);
                          return Snap(d, std::exp(low + u * (high - low)));
                        },
                        [&](const CategoricalDomain& d) {
                          return d.choices[d.probabilities.empty() ? UniformIndex(d.choices.size(), u)
                                                                   : CumulativeIndex(d.probabilities, u)];
                        },
                        [&](const OrderedDomain& d) { return d.values[UniformIndex(d.values.size(), u)]; },
                        [&](const QuantileDomain& d) { return Snap(d, QuantileValue(d, u)); },
                        [&](const ConstantDomain& d) { return d.value; },
                        [&](const DerivedDomain&) { return Value(0.0); },
                    },
                    domain);
}

double QuantileOf(const Domain& domain, const Value& value) {
  double number = 0;
  AsNumber(value, &number);
  const auto cell = [&](double count) { return (static_cast<double>(*DiscreteIndex(domain, value)) + 0.5) / count; };
  return std::visit(Overloaded{
                        [&](const FloatDomain& d) {
                          if (d.low == d.high) return 0.5;
                          if (d.step > 0) return cell(static_cast<double>(Count(d)));
                          const double u = d.log ? std::log(number / d.low) / std::log(d.high / d.low)
                                                 : (number - d.low) / (d.high - d.low);
                          return std::clamp(u, 0.0, 1.0);
                        },
                        [&](const IntDomain& d) {
                          if (!d.log) return cell(static_cast<double>(Count(d)));
                          const double low = static_cast<double>(d.low) - 0.5;
                          return std::log(number / low) / std::log((static_cast<double>(d.high) + 0.5) / low);
                        },
                        [&](const CategoricalDomain& d) {
                          if (d.probabilities.empty()) return cell(static_cast<double>(d.choices.size()));
                          const auto index = *DiscreteIndex(domain, value);
                          const auto before =
                              std::accumulate(d.probabilities.begin(), d.probabilities.begin() + index, 0.0);
                          return std::min(before + 0.5 * d.probabilities[static_cast<std::size_t>(index)], 1.0);
                        },
                        [&](const OrderedDomain& d) { return cell(static_cast<double>(d.values.size())); },
                        [&](const QuantileDomain& d) { return QuantileCdf(d, number); },
                        [](const ConstantDomain&) { return 0.5; },
                        [](const DerivedDomain&) { return 0.5; },
                    },
                    domain);
}

Value Snap(const FloatDomain& domain, double number) {
  if (domain.step == 0 || domain.low == domain.high) return std::clamp(number, domain.low, domain.high);
  const double index =
      std::clamp(std::round((number - domain.low) / domain.step), 0.0, static_cast<double>(LastIndex(domain)));
  return PointAt(domain, static_cast<std::int64_t>(index));
}

Value Snap(const IntDomain& domain, double number) {
  const double index = std::round((number - static_cast<double>(domain.low)) / static_cast<double>(domain.step));
  return PointAt(domain, static_cast<std::int64_t>(std::clamp(index, 0.0, static_cast<double>(LastIndex(domain)))));
}

Value Snap(const QuantileDomain& domain, double number) {
  if (domain.step > 0) return Multiple(0, domain.step, std::round(number / domain.step));
  const Support support = SupportOf(domain);
  return std::clamp(number, support.low, support.high);
}

bool Contains(const Domain& domain, const Value& value) {
  return std::visit(Overloaded{
                        [&](const FloatDomain& d) { return ContainsValue(d, value); },
                        [&](const IntDomain& d) { return ContainsValue(d, value); },
                        [&](const CategoricalDomain& d) { return IndexOf(d.choices, value).has_value(); },
                        [&](const OrderedDomain& d) { return IndexOf(d.values, value).has_value(); },
                        [&](const QuantileDomain& d) { return ContainsValue(d, value); },
                        [&](const ConstantDomain& d) { return SameValue(d.value, value); },
                        [&](const DerivedDomain&) {
                          double ignored;
                          return AsNumber(value, &ignored);
                        },
                    },
                    domain);
}

}  // namespace lorasweep::search
