#include "server/notice.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "server/checks.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestReason = 1000;

// What is not a number is null, which JSON can say.
Json Number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json Parameter(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kFlag:
      return value.flag();
    case v1::Value::kInteger:
      return value.integer();
    case v1::Value::kNumber:
      return Number(value.number());
    case v1::Value::kText:
      return value.text();
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return nullptr;
}

std::string MetricOf(const v1::SweepSpec& spec) {
  return spec.metric().name().empty() ? "validation/loss" : spec.metric().name();
}

// The metric, and further objectives of the sweep.
Json Objectives(const v1::LeaderboardRow& best, const v1::SweepSpec& spec) {
  Json objectives = {{MetricOf(spec), Number(best.value())}};
  for (int i = 0; i < std::min(best.objectives_size(), spec.metric().objectives_size()); ++i) {
    const std::string& objective = spec.metric().objectives(i);  // NAME=GOAL
    objectives[objective.substr(0, objective.rfind('='))] = Number(best.objectives(i));
  }
  return objectives;
}

Json Counts(const v1::TrialCounts& counts) {
  return {{"completed", counts.completed()},
          {"pruned", counts.pruned()},
          {"infeasible", counts.infeasible()},
          {"failed", counts.failed()},
          {"cancelled", counts.cancelled()}};
}

// "math-tutor-2 completed: validation/loss 0.8217 (base model 1.0432) in trial 9"
std::string Sentence(const v1::Sweep& sweep, const v1::LeaderboardRow* best) {
  const std::string slug = sweep.name().substr(sweep.name().find('/') + 1);
  std::string text = absl::StrCat(slug, " ", absl::AsciiStrToLower(v1::Sweep::State_Name(sweep.state())));
  if (sweep.state() == v1::Sweep::FAILED) absl::StrAppend(&text, ": ", Shorten(sweep.error(), kLongestReason));
  if (best == nullptr) return absl::StrCat(text, "; no trial was evaluated");
  absl::StrAppend(&text, "; best ", MetricOf(sweep.spec()), " ", absl::StrFormat("%.4g", best->value()));
  if (sweep.has_base_value()) absl::StrAppend(&text, " (base model ", absl::StrFormat("%.4g", sweep.base_value()), ")");
  return absl::StrCat(text, " in trial ", best->trial().number());
}

}  // namespace

std::string EndNotice(const v1::GetLeaderboardResponse& leaderboard, const std::string& dashboard) {
  const v1::Sweep& sweep = leaderboard.sweep();
  const v1::LeaderboardRow* best = leaderboard.rows_size() > 0 ? &leaderboard.rows(0) : nullptr;
  const std::string url = dashboard.empty() ? "" : absl::StrCat(dashboard, "#/", sweep.name());
  const std::string text = absl::StrCat(Sentence(sweep, best), url.empty() ? "" : "\n", url);
  Json parameters = Json::object();
  if (best != nullptr) {
    for (const auto& [name, value] : best->trial().parameters()) parameters[name] = Parameter(value);
  }
  const Json notice = {
      {"event", "sweep_ended"},
      {"sweep", sweep.name()},
      {"name", sweep.spec().name()},
      {"state", v1::Sweep::State_Name(sweep.state())},
      {"error", Shorten(sweep.error(), kLongestReason)},
      {"time",
       absl::FormatTime(absl::RFC3339_sec, absl::FromUnixSeconds(sweep.update_time().seconds()), absl::UTCTimeZone())},
      {"best_trial", best != nullptr ? Json(best->trial().number()) : Json(nullptr)},
      {"objectives", best != nullptr ? Objectives(*best, sweep.spec()) : Json::object()},
      {"value_stderr", best != nullptr ? Number(best->value_stderr()) : Json(nullptr)},
      {"base_value", sweep.has_base_value() ? Number(sweep.base_value()) : Json(nullptr)},
      {"parameters", parameters},
      {"trials", Counts(sweep.trial_counts())},
      {"url", url},
      // What Slack, Mattermost and others show; what Discord shows.
      {"text", text},
      {"content", text},
  };
  return notice.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lorasweep::server
