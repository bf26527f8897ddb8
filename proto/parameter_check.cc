#include "proto/parameter_check.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/search_space.h"
#include "proto/spelling.h"
#include "search/domain.h"

namespace lorasweep::proto {
namespace {

using search::Value;

constexpr std::size_t kLongestName = 100;
constexpr std::size_t kMostValuesLooked = 64;
constexpr std::int64_t kMostPoints = 4096;

// Settings that must be the same for all trials of a sweep, and why.
const std::map<std::string, std::string>& FixedPerSweep() {
  static const std::map<std::string, std::string> fixed = {
      {"max_steps", "the full length is the same for all trials, or their losses do not compare"},
      {"eval_every", "all trials are evaluated at the same points, or they do not compare"},
      {"validation", "all trials are scored on the same validation rows, or they do not compare"},
      {"test", "all trials are tested on the same rows, or they do not compare"},
      {"format", "all trials read the rows alike, or they do not compare"},
      {"chat_template", "all trials are scored on the same tokens, or their losses do not compare"},
      {"truncation", "all trials are scored on the same validation rows, or they do not compare"},
      {"loss_on", "all trials are scored on the same tokens, or their losses do not compare"}};
  return fixed;
}

absl::Status Invalid(std::string message) {
  return absl::InvalidArgumentError(message);
}

bool IsName(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_other = [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  return !name.empty() && name.size() <= kLongestName && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || is_other(c); });
}

std::vector<std::string> ParameterNames() {
  std::vector<std::string> names = KeysOf("training");
  for (const std::string& key : KeysOf("data")) names.push_back(key);
  names.push_back("model");
  return names;
}

absl::Status CheckValue(const Setting& setting, const Value& value) {
  v1::SweepSpec scratch;
  return SetSetting(setting, value, SectionOf(setting, &scratch));
}

// Values that stand for the whole domain: all of a list, the ends of a range.
std::vector<Value> Representatives(const search::Domain& domain) {
  if (const auto* constant = std::get_if<search::ConstantDomain>(&domain)) return {constant->value};
  if (const auto* choices = std::get_if<search::CategoricalDomain>(&domain)) return choices->choices;
  if (const auto* ordered = std::get_if<search::OrderedDomain>(&domain)) return ordered->values;
  if (const auto* real = std::get_if<search::FloatDomain>(&domain)) return {real->low, real->high};
  if (const auto* whole = std::get_if<search::IntDomain>(&domain)) return {whole->low, whole->high};
  if (std::holds_alternative<search::QuantileDomain>(domain)) {
    // A random variable without bounds: what lies beyond is met once in a billion draws.
    return {search::AtQuantile(domain, 1e-9), search::AtQuantile(domain, 1 - 1e-9)};
  }
  return {};
}

// Does the domain produce numbers that are not whole?
bool MakesFractions(const search::Domain& domain) {
  const auto is_whole = [](double number) { return std::floor(number) == number; };
  if (const auto* real = std::get_if<search::FloatDomain>(&domain)) {
    return real->step == 0 || !is_whole(real->step) || !is_whole(real->low);
  }
  if (const auto* variable = std::get_if<search::QuantileDomain>(&domain)) {
    return variable->step == 0 || !is_whole(variable->step);
  }
  return false;
}

}  // namespace

absl::Status CheckParameter(const v1::ParameterSpec& parameter, bool builtin) {
  const std::string& name = parameter.name();
  if (!IsName(name)) {
    return Invalid(absl::StrCat("not a name for a parameter (letters, digits, _ . -, a letter or _ first, at most ",
                                kLongestName, ")"));
  }
  const absl::StatusOr<search::Domain> domain = MakeDomain(parameter);
  if (!domain.ok()) return domain.status();
  const absl::StatusOr<search::Condition> when = MakeCondition(parameter);
  if (!when.ok()) return when.status();
  if (!builtin) return absl::OkStatus();

  const Setting* setting = FindParameterSetting(name);
  if (setting == nullptr) {
    const std::vector<std::string> names = ParameterNames();
    return Invalid(absl::StrCat("not a setting of training or data, or model", DidYouMean(name, names),
                                " (allowed here: ", absl::StrJoin(names, ", "), "; any name with trainer: external)"));
  }
  if (setting->required && !when->always()) return Invalid("is always needed, so it has no condition (when)");
  const auto fixed = FixedPerSweep().find(name);
  if (fixed != FixedPerSweep().end() && !std::holds_alternative<search::ConstantDomain>(*domain)) {
    return Invalid(absl::StrCat("cannot be searched: ", fixed->second));
  }
  if (setting->type == Setting::Type::kInteger && MakesFractions(*domain)) {
    return Invalid(absl::StrCat("gives numbers that are not whole, but ", setting->path, " is ", Allowed(*setting),
                                "; int_uniform, int_log_uniform_values or values fit"));
  }
  for (const Value& value : Representatives(*domain)) {
    if (const absl::Status status = CheckValue(*setting, value); !status.ok()) {
      return Invalid(
          absl::StrCat("reaches a value that ", setting->path, " cannot take: ", std::string{status.message()}));
    }
  }
  return absl::OkStatus();
}

std::vector<Problem> CheckDerived(const search::Space& space) {
  std::vector<Problem> problems;
  const std::vector<search::Parameter>& free = space.free_parameters();
  std::vector<std::vector<Value>> values;
  double combinations = 1;
  for (const search::Parameter& parameter : free) {
    values.push_back(Representatives(parameter.domain));
    if (values.back().size() > kMostValuesLooked) values.back() = {values.back().front(), values.back().back()};
    combinations *= static_cast<double>(values.back().size());
  }
  const bool all = combinations <= static_cast<double>(kMostPoints);
  const std::int64_t points = all ? static_cast<std::int64_t>(combinations) : kMostPoints;
  std::set<std::string> reported;
  for (std::int64_t index = 0; index < points; ++index) {
    search::Params point;
    std::uint64_t digits = static_cast<std::uint64_t>(index);
    for (std::size_t i = 0; i < free.size(); ++i) {
      // All combinations in mixed radix; where there are too many, each point takes scattered ones.
      const std::uint64_t digit = all ? digits : static_cast<std::uint64_t>(index) * (2 * i + 1) + i * (digits >> 3);
      point.emplace(free[i].name, values[i][digit % values[i].size()]);
      digits /= values[i].size();
    }
    const absl::StatusOr<search::Params> complete = space.Complete(point);
    if (!complete.ok()) {
      // "parameter x: why"; the same cause shows at many points.
      const std::string why{complete.status().message()};
      if (reported.insert(why).second && reported.size() <= 3) problems.push_back({"parameters", why});
      continue;
    }
    for (const search::Parameter& parameter : space.parameters()) {
      const Setting* setting = FindParameterSetting(parameter.name);
      if (setting == nullptr || !std::holds_alternative<search::DerivedDomain>(parameter.domain)) continue;
      const auto value = complete->find(parameter.name);
      if (value == complete->end()) continue;  // not in use there
      const absl::Status status = CheckValue(*setting, value->second);
      if (status.ok() || !reported.insert(parameter.name).second) continue;
      problems.push_back(
          {absl::StrCat("parameters.", parameter.name),
           absl::StrCat("its expression at ", search::ToString(point), ": ", std::string{status.message()})});
    }
  }
  return problems;
}

}  // namespace lorasweep::proto
