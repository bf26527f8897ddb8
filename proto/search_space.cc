#include "proto/search_space.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/convert.h"
#include "proto/distributions.h"
#include "search/domain.h"

namespace lorasweep::proto {
namespace {

using search::Value;

constexpr double kLargestWhole = static_cast<double>(search::kMaxInteger);

absl::Status Invalid(std::string message) {
  return absl::InvalidArgumentError(message);
}

absl::StatusOr<double> Number(std::string_view key, const v1::Value& value) {
  double number = 0;
  const absl::StatusOr<Value> converted = FromProto(value);
  if (!converted.ok() || !search::AsNumber(*converted, &number) || !std::isfinite(number)) {
    return Invalid(absl::StrCat(std::string(key), ": ", converted.ok() ? search::ToString(*converted) : "nothing",
                                " is not a finite number"));
  }
  return number;
}

bool IsWhole(double number) {
  return std::floor(number) == number && std::abs(number) <= kLargestWhole;
}

struct Bounds {
  double low = 0;
  double high = 0;
  bool whole_as_written = false;
};

absl::StatusOr<Bounds> BoundsOf(const v1::ParameterSpec& parameter) {
  const absl::StatusOr<double> low = Number("min", parameter.min());
  if (!low.ok()) return low.status();
  const absl::StatusOr<double> high = Number("max", parameter.max());
  if (!high.ok()) return high.status();
  if (!(*low < *high)) {
    return Invalid(
        absl::StrCat("min ", search::ToString(Value(*low)), " is not below max ", search::ToString(Value(*high))));
  }
  return Bounds{*low, *high, parameter.min().has_integer() && parameter.max().has_integer()};
}

// Three or more numbers, each greater than the one before: neighbours are alike.
bool AreAscendingNumbers(const std::vector<Value>& values) {
  if (values.size() < 3) return false;
  double last = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    double number = 0;
    if (!search::AsNumber(values[i], &number) || (i > 0 && !(number > last))) return false;
    last = number;
  }
  return true;
}

absl::StatusOr<search::Domain> ChoiceDomain(const v1::ParameterSpec& parameter, const std::string& distribution) {
  std::vector<Value> values;
  for (const v1::Value& value : parameter.values()) {
    absl::StatusOr<Value> converted = FromProto(value);
    if (!converted.ok()) return Invalid(absl::StrCat("values: ", std::string{converted.status().message()}));
    values.push_back(*std::move(converted));
  }
  if (distribution == "ordered" || (distribution == kCategoricalOrOrdered && AreAscendingNumbers(values))) {
    return search::OrderedDomain{std::move(values)};
  }
  if (parameter.probabilities_size() == 0) return search::CategoricalDomain{std::move(values), {}};
  if (parameter.probabilities_size() != parameter.values_size()) {
    return Invalid(absl::StrCat("probabilities: ", parameter.probabilities_size(), " for ", values.size(), " values"));
  }
  search::CategoricalDomain domain;
  for (int i = 0; i < parameter.probabilities_size(); ++i) {
    // W&B allows 0: a choice that is never taken.
    if (parameter.probabilities(i) == 0) continue;
    domain.choices.push_back(values[static_cast<std::size_t>(i)]);
    domain.probabilities.push_back(parameter.probabilities(i));
  }
  return domain;
}

// Whole numbers low, low + step, … when all three are whole, else real ones.
search::Domain SteppedDomain(double low, double high, double step, bool whole) {
  if (!whole) return search::FloatDomain{low, high, false, step};
  return search::IntDomain{static_cast<std::int64_t>(low), static_cast<std::int64_t>(high), false,
                           static_cast<std::int64_t>(step)};
}

absl::StatusOr<search::Domain> UniformDomain(const v1::ParameterSpec& parameter, const std::string& distribution) {
  const absl::StatusOr<Bounds> bounds = BoundsOf(parameter);
  if (!bounds.ok()) return bounds.status();
  if (distribution == "uniform") return search::FloatDomain{bounds->low, bounds->high, false, parameter.q()};
  const double q = parameter.has_q() ? parameter.q() : 1;
  if (distribution == "int_uniform") {
    if (!IsWhole(bounds->low) || !IsWhole(bounds->high) || !IsWhole(q)) {
      return Invalid("min, max and q of int_uniform must be whole numbers");
    }
    return SteppedDomain(bounds->low, bounds->high, q, true);
  }
  // q_uniform: the multiples of q inside the bounds; the allowance keeps 0.6 / 0.2 at 3.
  const double first = std::ceil(bounds->low / q - 1e-9 * std::max(1.0, std::abs(bounds->low / q)));
  const double last = std::floor(bounds->high / q + 1e-9 * std::max(1.0, std::abs(bounds->high / q)));
  if (!(first <= last)) {
    return Invalid(absl::StrCat("no multiple of q ", search::ToString(Value(q)), " lies between min and max"));
  }
  return SteppedDomain(first * q, last * q, q, IsWhole(q) && IsWhole(first * q) && IsWhole(last * q));
}

absl::StatusOr<search::Domain> LogUniformDomain(const v1::ParameterSpec& parameter, const std::string& distribution) {
  const absl::StatusOr<Bounds> bounds = BoundsOf(parameter);
  if (!bounds.ok()) return bounds.status();
  double low = bounds->low;
  double high = bounds->high;
  const bool exponents = distribution == "log_uniform" || distribution == "q_log_uniform";
  if (exponents) {
    low = std::exp(bounds->low);
    high = std::exp(bounds->high);
  } else if (distribution == "inv_log_uniform") {
    low = std::exp(-bounds->high);
    high = std::exp(-bounds->low);
  }
  if (exponents || distribution == "inv_log_uniform") {
    if (!(low > 0) || !std::isfinite(high)) {
      return Invalid(absl::StrCat("min ", search::ToString(Value(bounds->low)), " and max ",
                                  search::ToString(Value(bounds->high)), " are natural logarithms in ", distribution,
                                  " and give numbers too large or too small; for plain bounds take ", distribution,
                                  "_values"));
    }
  } else if (!(low > 0)) {
    return Invalid(
        absl::StrCat("min ", search::ToString(Value(low)), " is not allowed (above 0 for ", distribution, ")"));
  }
  if (distribution == "int_log_uniform_values") {
    if (!IsWhole(low) || !IsWhole(high)) return Invalid("min and max of int_log_uniform_values must be whole numbers");
    return search::IntDomain{static_cast<std::int64_t>(low), static_cast<std::int64_t>(high), true, 1};
  }
  if (distribution == "q_log_uniform" || distribution == "q_log_uniform_values") {
    const double q = parameter.has_q() ? parameter.q() : 1;
    const double first = std::round(low / q);
    const double last = std::round(high / q);
    if (q == 1 && first >= 1 && first < last && last <= kLargestWhole) {
      return search::IntDomain{static_cast<std::int64_t>(first), static_cast<std::int64_t>(last), true, 1};
    }
    // x is log-uniform exactly when 1 / x is, with the bounds' logarithms negated.
    return search::QuantileDomain{search::QuantileDomain::Kind::kInverseLogUniform, -std::log(high), -std::log(low), q};
  }
  return search::FloatDomain{low, high, true, 0};
}

absl::StatusOr<search::Domain> RandomVariable(const v1::ParameterSpec& parameter, const std::string& distribution) {
  using Kind = search::QuantileDomain::Kind;
  const bool rounded = distribution.rfind("q_", 0) == 0;
  const double step = rounded ? (parameter.has_q() ? parameter.q() : 1) : 0;
  if (distribution == "beta" || distribution == "q_beta") {
    return search::QuantileDomain{Kind::kBeta, parameter.has_a() ? parameter.a() : 1,
                                  parameter.has_b() ? parameter.b() : 1, step};
  }
  const bool log = distribution == "log_normal" || distribution == "q_log_normal";
  return search::QuantileDomain{log ? Kind::kLogNormal : Kind::kNormal, parameter.mu(),
                                parameter.has_sigma() ? parameter.sigma() : 1, step};
}

absl::StatusOr<search::Domain> Understand(const v1::ParameterSpec& parameter) {
  const absl::StatusOr<std::string> distribution = DistributionOf(parameter);
  if (!distribution.ok()) return distribution.status();
  if (*distribution == "constant") {
    const absl::StatusOr<Value> value = FromProto(parameter.value());
    if (!value.ok()) return Invalid(absl::StrCat("value: ", std::string{value.status().message()}));
    return search::ConstantDomain{*value};
  }
  if (*distribution == "expression") {
    absl::StatusOr<search::Expression> expression = search::Expression::Parse(parameter.expression());
    if (!expression.ok()) return Invalid(absl::StrCat("expression: ", std::string{expression.status().message()}));
    return search::DerivedDomain{*std::move(expression)};
  }
  if (parameter.values_size() > 0) return ChoiceDomain(parameter, *distribution);
  if (*distribution == "uniform" || *distribution == "int_uniform" || *distribution == "q_uniform") {
    return UniformDomain(parameter, *distribution);
  }
  if (distribution->find("log_uniform") != std::string::npos) return LogUniformDomain(parameter, *distribution);
  return RandomVariable(parameter, *distribution);
}

}  // namespace

absl::StatusOr<search::Domain> MakeDomain(const v1::ParameterSpec& parameter) {
  absl::StatusOr<search::Domain> domain = Understand(parameter);
  if (!domain.ok()) return domain;
  if (const absl::Status status = search::CheckDomain(*domain); !status.ok()) return status;
  return domain;
}

absl::StatusOr<search::Condition> MakeCondition(const v1::ParameterSpec& parameter) {
  if (!parameter.has_when()) return search::Condition();
  absl::StatusOr<search::Condition> condition = search::Condition::Parse(parameter.when());
  if (!condition.ok()) return Invalid(absl::StrCat("when: ", std::string{condition.status().message()}));
  return condition;
}

absl::StatusOr<search::Space> MakeSpace(const v1::SweepSpec& spec) {
  std::vector<search::Parameter> parameters;
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    absl::StatusOr<search::Domain> domain = MakeDomain(parameter);
    if (!domain.ok()) {
      return Invalid(absl::StrCat("parameters.", parameter.name(), ": ", std::string{domain.status().message()}));
    }
    absl::StatusOr<search::Condition> when = MakeCondition(parameter);
    if (!when.ok()) {
      return Invalid(absl::StrCat("parameters.", parameter.name(), ": ", std::string{when.status().message()}));
    }
    parameters.push_back({parameter.name(), *std::move(domain), *std::move(when)});
  }
  absl::StatusOr<search::Space> space = search::Space::Make(std::move(parameters));
  if (space.ok()) return space;
  // "parameter x: why" -> "parameters.x: why".
  const std::string why{space.status().message()};
  constexpr std::string_view kPrefix = "parameter ";
  if (why.rfind(kPrefix, 0) == 0) return Invalid(absl::StrCat("parameters.", why.substr(kPrefix.size())));
  return Invalid(absl::StrCat("parameters: ", why));
}

}  // namespace lorasweep::proto
