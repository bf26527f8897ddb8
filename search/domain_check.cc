#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/domain.h"
#include "search/overloaded.h"
#include "search/quantile.h"

namespace lorasweep::search {
namespace {

std::string Text(double number) {
  return ToString(Value(number));
}

std::string List(const std::vector<Value>& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size() && i < 12; ++i)
    absl::StrAppend(&text, i > 0 ? ", " : "", ToString(values[i]));
  return values.size() > 12 ? absl::StrCat(text, ", … (", values.size(), ")") : text;
}

absl::Status Invalid(const std::string& text) {
  return absl::InvalidArgumentError(text);
}

absl::Status Check(const FloatDomain& d) {
  if (!std::isfinite(d.low) || !std::isfinite(d.high) || !std::isfinite(d.high - d.low)) {
    return Invalid("min and max must be finite numbers");
  }
  if (d.low > d.high) return Invalid(absl::StrCat("min ", Text(d.low), " is above max ", Text(d.high)));
  if (d.log && d.low <= 0) return Invalid(absl::StrCat("min ", Text(d.low), " must be above 0 on a logarithmic scale"));
  if (!std::isfinite(d.step) || d.step < 0) return Invalid("the step must be 0 (none) or a positive number");
  if (d.step > 0 && d.log) return Invalid("a logarithmic scale cannot have a step");
  if (d.step > 0 && (d.high - d.low) / d.step > 1e9) {
    return Invalid(
        absl::StrCat("step ", Text(d.step), " is too small: at most a billion steps fit between min and max"));
  }
  return absl::OkStatus();
}

absl::Status Check(const IntDomain& d) {
  if (d.low > d.high) return Invalid(absl::StrCat("min ", d.low, " is above max ", d.high));
  if (d.low < -kMaxInteger || d.high > kMaxInteger) {
    return Invalid(absl::StrCat("integers must be between -", kMaxInteger, " and ", kMaxInteger));
  }
  if (d.step < 1) return Invalid(absl::StrCat("step ", d.step, " must be 1 or more"));
  if (d.log && d.low < 1) return Invalid(absl::StrCat("min ", d.low, " must be 1 or more on a logarithmic scale"));
  if (d.log && d.step != 1) return Invalid("a logarithmic scale cannot have a step");
  return absl::OkStatus();
}

absl::Status CheckCount(std::size_t count) {
  if (count == 0) return Invalid("at least one value is needed");
  if (count > kMaxChoices) return Invalid(absl::StrCat(count, " values are too many: at most ", kMaxChoices));
  return absl::OkStatus();
}

absl::Status CheckFinite(const Value& value) {
  double number;
  if (AsNumber(value, &number) && !std::isfinite(number)) return Invalid("numbers must be finite");
  return absl::OkStatus();
}

// Sorting by kind and value finds equal ones in O(n log n).
absl::Status CheckDistinct(std::vector<Value> values) {
  auto key = [](const Value& value) {
    double number = 0;
    return AsNumber(value, &number) ? Value(number) : value;
  };
  std::sort(values.begin(), values.end(), [&](const Value& a, const Value& b) { return key(a) < key(b); });
  const auto twice = std::adjacent_find(values.begin(), values.end(), SameValue);
  if (twice != values.end()) return Invalid(absl::StrCat(ToString(*twice), " is listed twice"));
  return absl::OkStatus();
}

absl::Status Check(const CategoricalDomain& d) {
  if (auto status = CheckCount(d.choices.size()); !status.ok()) return status;
  for (const Value& choice : d.choices) {
    if (auto status = CheckFinite(choice); !status.ok()) return status;
  }
  if (auto status = CheckDistinct(d.choices); !status.ok()) return status;
  if (d.probabilities.empty()) return absl::OkStatus();
  if (d.probabilities.size() != d.choices.size()) {
    return Invalid(absl::StrCat(d.probabilities.size(), " probabilities for ", d.choices.size(), " values"));
  }
  double sum = 0;
  for (const double p : d.probabilities) {
    if (!(p > 0 && p <= 1)) return Invalid(absl::StrCat("probability ", Text(p), " must be above 0 and at most 1"));
    sum += p;
  }
  if (std::abs(sum - 1) > 1e-6) return Invalid(absl::StrCat("the probabilities sum to ", Text(sum), ", not to 1"));
  return absl::OkStatus();
}

absl::Status Check(const OrderedDomain& d) {
  if (auto status = CheckCount(d.values.size()); !status.ok()) return status;
  double previous = 0;
  for (std::size_t i = 0; i < d.values.size(); ++i) {
    double number;
    if (!AsNumber(d.values[i], &number)) return Invalid(absl::StrCat(ToString(d.values[i]), " is not a number"));
    if (!std::isfinite(number)) return Invalid("numbers must be finite");
    if (i > 0 && number == previous) return Invalid(absl::StrCat(ToString(d.values[i]), " is listed twice"));
    if (i > 0 && number < previous)
      return Invalid(absl::StrCat(ToString(d.values[i]), " is out of order: ascending values are needed"));
    previous = number;
  }
  return absl::OkStatus();
}

absl::Status Check(const QuantileDomain& d) {
  // Far beyond any use, and small enough that no quantile overflows.
  constexpr double kMost = 1e6;
  if (!(std::abs(d.a) <= kMost && std::abs(d.b) <= kMost)) {
    return Invalid("the distribution's parameters must be between -1e6 and 1e6");
  }
  if (!std::isfinite(d.step) || d.step < 0) return Invalid("the step must be 0 (none) or a positive number");
  switch (d.kind) {
    case QuantileDomain::Kind::kNormal:
      if (!(d.b > 0)) return Invalid(absl::StrCat("sigma ", Text(d.b), " must be above 0"));
      break;
    case QuantileDomain::Kind::kLogNormal:
      if (!(d.b > 0)) return Invalid(absl::StrCat("sigma ", Text(d.b), " must be above 0"));
      // Quantiles reach 8.3 sigma at the resolution of a double.
      if (std::abs(d.a) + 10 * d.b > 700)
        return Invalid("mu and sigma are of the logarithm: |mu| + 10 sigma must be at most 700");
      break;
    case QuantileDomain::Kind::kBeta:
      if (!(d.a > 0 && d.b > 0)) return Invalid("alpha and beta must be above 0");
      break;
    case QuantileDomain::Kind::kInverseLogUniform:
      if (!(d.a < d.b)) return Invalid(absl::StrCat("min ", Text(d.a), " must be below max ", Text(d.b)));
      if (d.a < -700 || d.b > 700) return Invalid("min and max are logarithms: they must be between -700 and 700");
      break;
  }
  return absl::OkStatus();
}

absl::Status Check(const ConstantDomain& d) {
  return CheckFinite(d.value);
}

absl::Status Check(const DerivedDomain& d) {
  return d.expression.text().empty() ? Invalid("the expression is empty") : absl::OkStatus();
}

}  // namespace

absl::Status CheckDomain(const Domain& domain) {
  return std::visit([](const auto& d) { return Check(d); }, domain);
}

std::string Describe(const Domain& domain) {
  return std::visit(Overloaded{
                        [](const FloatDomain& d) {
                          const std::string range = absl::StrCat("a number in [", Text(d.low), ", ", Text(d.high), "]");
                          return d.step > 0 ? absl::StrCat(range, " in steps of ", Text(d.step)) : range;
                        },
                        [](const IntDomain& d) {
                          const std::string range = absl::StrCat("an integer in [", d.low, ", ", d.high, "]");
                          return d.step > 1 ? absl::StrCat(range, " in steps of ", d.step) : range;
                        },
                        [](const CategoricalDomain& d) { return absl::StrCat("one of ", List(d.choices)); },
                        [](const OrderedDomain& d) { return absl::StrCat("one of ", List(d.values)); },
                        [](const QuantileDomain& d) {
                          const Support support = SupportOf(d);
                          const std::string range =
                              absl::StrCat("a number in [", Text(support.low), ", ", Text(support.high), "]");
                          return d.step > 0 ? absl::StrCat(range, " rounded to multiples of ", Text(d.step)) : range;
                        },
                        [](const ConstantDomain& d) { return absl::StrCat("always ", ToString(d.value)); },
                        [](const DerivedDomain& d) { return absl::StrCat("computed as ", d.expression.text()); },
                    },
                    domain);
}

}  // namespace lorasweep::search
