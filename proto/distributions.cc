#include "proto/distributions.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "search/value.h"

namespace lorasweep::proto {
namespace {

absl::Status Invalid(std::string message) {
  return absl::InvalidArgumentError(message);
}

std::vector<std::string_view> PresentKeys(const v1::ParameterSpec& parameter) {
  std::vector<std::string_view> keys;
  if (parameter.has_value()) keys.push_back("value");
  if (parameter.values_size() > 0) keys.push_back("values");
  if (parameter.probabilities_size() > 0) keys.push_back("probabilities");
  if (parameter.has_min()) keys.push_back("min");
  if (parameter.has_max()) keys.push_back("max");
  if (parameter.has_q()) keys.push_back("q");
  if (parameter.has_mu()) keys.push_back("mu");
  if (parameter.has_sigma()) keys.push_back("sigma");
  if (parameter.has_a()) keys.push_back("a");
  if (parameter.has_b()) keys.push_back("b");
  if (!parameter.expression().empty()) keys.push_back("expression");
  return keys;
}

bool Has(const std::vector<std::string_view>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// What the distribution is when it is not written.
absl::StatusOr<std::string> Infer(const v1::ParameterSpec& parameter, const std::vector<std::string_view>& keys) {
  if (!parameter.distribution().empty()) return parameter.distribution();
  if (Has(keys, "expression")) return "expression";
  if (Has(keys, "value")) return "constant";
  if (Has(keys, "probabilities")) return "categorical_w_probabilities";
  if (Has(keys, "values")) return std::string(kCategoricalOrOrdered);
  if (Has(keys, "min") && Has(keys, "max")) {
    return parameter.min().has_integer() && parameter.max().has_integer() ? "int_uniform" : "uniform";
  }
  if (Has(keys, "min") || Has(keys, "max")) {
    return Invalid(absl::StrCat(Has(keys, "min") ? "max" : "min", " is missing: min and max go together"));
  }
  if (!keys.empty()) {
    return Invalid(absl::StrCat("distribution is missing: ", std::string(keys.front()), " alone does not say which"));
  }
  return Invalid("needs value, values, min and max, or expression");
}

// Every key it needs, and none that it does not take.
absl::Status CheckKeys(const std::string& distribution, const std::vector<std::string_view>& keys) {
  // `values` alone: which of two distributions it is follows from the values themselves.
  const std::string name = distribution == kCategoricalOrOrdered ? "categorical" : distribution;
  const auto found = std::find_if(Distributions().begin(), Distributions().end(),
                                  [&](const Distribution& d) { return d.name == name; });
  if (found == Distributions().end()) {
    const std::string all =
        absl::StrJoin(Distributions(), ", ", [](std::string* out, const Distribution& d) { out->append(d.name); });
    return Invalid(absl::StrCat("distribution: ", name, " is not allowed (one of ", all, ")"));
  }
  for (const std::string_view key : found->required) {
    if (!Has(keys, key)) return Invalid(absl::StrCat("distribution ", name, " needs ", std::string(key)));
  }
  for (const std::string_view key : keys) {
    if (Has(found->required, key) || Has(found->optional, key)) continue;
    std::vector<std::string> allowed(found->required.begin(), found->required.end());
    allowed.insert(allowed.end(), found->optional.begin(), found->optional.end());
    return Invalid(absl::StrCat(std::string(key), " does not belong to distribution ", name, " (it takes ",
                                absl::StrJoin(allowed, ", "), ")"));
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers(const v1::ParameterSpec& parameter) {
  const auto check = [](std::string_view key, bool present, double value, bool positive) {
    if (!present || (std::isfinite(value) && (!positive || value > 0))) return absl::OkStatus();
    return Invalid(absl::StrCat(std::string(key), ": ", search::ToString(search::Value(value)), " is not allowed (",
                                positive ? "a number above 0" : "a finite number", ")"));
  };
  const std::array<absl::Status, 5> checks = {
      check("q", parameter.has_q(), parameter.q(), true), check("mu", parameter.has_mu(), parameter.mu(), false),
      check("sigma", parameter.has_sigma(), parameter.sigma(), true),
      check("a", parameter.has_a(), parameter.a(), true), check("b", parameter.has_b(), parameter.b(), true)};
  const auto failed = std::find_if(checks.begin(), checks.end(), [](const absl::Status& s) { return !s.ok(); });
  return failed == checks.end() ? absl::OkStatus() : *failed;
}

}  // namespace

const std::vector<Distribution>& Distributions() {
  static const std::vector<Distribution> distributions = {
      {"constant", {"value"}, {}},
      {"categorical", {"values"}, {}},
      {"categorical_w_probabilities", {"values", "probabilities"}, {}},
      {"ordered", {"values"}, {}},
      {"uniform", {"min", "max"}, {"q"}},
      {"int_uniform", {"min", "max"}, {"q"}},
      {"q_uniform", {"min", "max"}, {"q"}},
      {"log_uniform", {"min", "max"}, {}},
      {"log_uniform_values", {"min", "max"}, {}},
      {"q_log_uniform", {"min", "max"}, {"q"}},
      {"q_log_uniform_values", {"min", "max"}, {"q"}},
      {"inv_log_uniform", {"min", "max"}, {}},
      {"inv_log_uniform_values", {"min", "max"}, {}},
      {"int_log_uniform_values", {"min", "max"}, {}},
      {"normal", {}, {"mu", "sigma"}},
      {"q_normal", {}, {"mu", "sigma", "q"}},
      {"log_normal", {}, {"mu", "sigma"}},
      {"q_log_normal", {}, {"mu", "sigma", "q"}},
      {"beta", {}, {"a", "b"}},
      {"q_beta", {}, {"a", "b", "q"}},
      {"expression", {"expression"}, {}},
  };
  return distributions;
}

absl::StatusOr<std::string> DistributionOf(const v1::ParameterSpec& parameter) {
  const std::vector<std::string_view> keys = PresentKeys(parameter);
  absl::StatusOr<std::string> distribution = Infer(parameter, keys);
  if (!distribution.ok()) return distribution;
  if (const absl::Status status = CheckKeys(*distribution, keys); !status.ok()) return status;
  if (const absl::Status status = CheckNumbers(parameter); !status.ok()) return status;
  return distribution;
}

}  // namespace lorasweep::proto
