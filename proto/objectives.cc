#include "proto/objectives.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::proto {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr int kMost = 10;  // of each kind

absl::StatusOr<Objectives::Constraint> ParseConstraint(const std::string& text) {
  const std::size_t sign = text.find_first_of("<>");
  Objectives::Constraint constraint;
  if (sign != std::string::npos && text.compare(sign + 1, 1, "=") == 0) {
    constraint.metric = std::string(absl::StripAsciiWhitespace(text.substr(0, sign)));
    constraint.upper = text[sign] == '<';
    const bool number = absl::SimpleAtod(text.substr(sign + 2), &constraint.bound);
    if (number && std::isfinite(constraint.bound) && !constraint.metric.empty()) return constraint;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("metric.constraints: ", text, " is not allowed (a metric, <= or >=, a number)"));
}

}  // namespace

std::vector<std::string> Objectives::Metrics() const {
  std::vector<std::string> metrics;
  const auto add = [&](const std::string& metric) {
    if (std::find(metrics.begin(), metrics.end(), metric) == metrics.end()) metrics.push_back(metric);
  };
  for (const Further& one : further) add(one.metric);
  for (const Constraint& one : constraints) add(one.metric);
  if (seconds) add(kTrialSeconds);
  return metrics;
}

bool Objectives::Wants(std::string_view metric) const {
  const auto is_it = [&](const auto& one) { return one.metric == metric; };
  return (seconds && metric == kTrialSeconds) || std::any_of(further.begin(), further.end(), is_it) ||
         std::any_of(constraints.begin(), constraints.end(), is_it);
}

absl::StatusOr<Objectives> MakeObjectives(const v1::SweepSpec& spec) {
  const v1::MetricSpec& metric = spec.metric();
  if (metric.objectives_size() > kMost || metric.constraints_size() > kMost) {
    return absl::InvalidArgumentError(
        absl::StrCat(metric.objectives_size() > kMost ? "metric.objectives" : "metric.constraints", ": at most ", kMost,
                     " are allowed"));
  }
  Objectives objectives;
  for (const std::string& text : metric.objectives()) {
    const std::size_t equal = text.rfind('=');
    const std::string name = text.substr(0, std::min(equal, text.size()));
    if (name.empty() || name == metric.name() || objectives.Wants(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("metric.objectives: ", text, " is not allowed (a metric that is not one already)"));
    }
    objectives.further.push_back({name, equal != std::string::npos && text.substr(equal + 1) == "maximize"});
  }
  for (const std::string& text : metric.constraints()) {
    absl::StatusOr<Objectives::Constraint> constraint = ParseConstraint(text);
    if (!constraint.ok()) return constraint.status();
    objectives.constraints.push_back(*std::move(constraint));
  }
  objectives.seconds = spec.cost_aware();
  return objectives;
}

void Prepare(const Objectives& objectives, search::Trial* trial) {
  trial->others.assign(objectives.further.size(), kUnknown);
  trial->violations.assign(objectives.constraints.size(), kUnknown);
}

void Observe(const Objectives& objectives, std::string_view metric, double value, search::Trial* trial) {
  for (std::size_t i = 0; i < objectives.further.size(); ++i) {
    const Objectives::Further& one = objectives.further[i];
    if (one.metric == metric) trial->others[i] = one.maximize ? -value : value;
  }
  for (std::size_t i = 0; i < objectives.constraints.size(); ++i) {
    const Objectives::Constraint& one = objectives.constraints[i];
    if (one.metric == metric) trial->violations[i] = one.upper ? value - one.bound : one.bound - value;
  }
  if (objectives.seconds && metric == kTrialSeconds) trial->seconds = value;
}

}  // namespace lorasweep::proto
