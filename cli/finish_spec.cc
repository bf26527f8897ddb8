#include "cli/finish_spec.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "cli/names.h"
#include "cli/sweep_file_yaml.h"
#include "proto/settings.h"

namespace lorasweep::cli {
namespace {

bool IsFree(const v1::ParameterSpec& parameter) {
  return !parameter.has_value() && !parameter.has_expression();
}

absl::Status Override(const std::string& text, v1::SweepSpec* spec) {
  const auto wrong = [&](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat("--set ", text.substr(0, 200), ": ", why));
  };
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return wrong("not of the form key=value");
  const std::string key = text.substr(0, equals);
  const std::string name = key.substr(key.find('.') == std::string::npos ? 0 : key.find('.') + 1);
  const proto::Setting* setting = proto::FindParameterSetting(name);
  if (setting == nullptr || (name != key && proto::FindSetting(key) != setting)) {
    return wrong("names no setting of training or data, nor model");
  }
  for (const v1::ParameterSpec& parameter : spec->parameters()) {
    if (parameter.name() == name) return wrong("is a parameter of the sweep; the winners have their own values");
  }
  YamlNode value;
  if (const auto error = ParseYaml(text.substr(equals + 1), &value)) return wrong(error->message);
  if (value.kind != YamlNode::Kind::kScalar) return wrong("the value must be a number, a text, true or false");
  const absl::Status set = proto::SetSetting(*setting, TypedValue(value), proto::SectionOf(*setting, spec));
  return set.ok() ? set : wrong(std::string{set.message()});
}

}  // namespace

absl::StatusOr<v1::SweepSpec> FinishSpec(const v1::Sweep& sweep, const v1::GetLeaderboardResponse& leaderboard,
                                         const FinishOptions& options) {
  if (leaderboard.rows().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(IdOf(sweep.name()), " has no winners: no trial was evaluated"));
  }
  v1::SweepSpec spec = sweep.spec();
  std::set<std::string> free;
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    if (IsFree(parameter)) free.insert(parameter.name());
  }
  spec.set_name(absl::StrCat(spec.name(), "-finish"));
  spec.set_method("random");  // never asked: every trial is a start point
  spec.clear_prior();
  spec.clear_warm_start();
  spec.clear_known_trials();
  spec.clear_cost_aware();
  spec.clear_early_terminate();
  spec.clear_start_points();
  spec.mutable_metric()->clear_target();
  for (const v1::LeaderboardRow& row : leaderboard.rows()) {
    if (spec.start_points_size() == options.top) break;
    v1::StartPoint* point = spec.add_start_points();
    for (const auto& [name, value] : row.trial().parameters()) {
      if (free.contains(name)) (*point->mutable_parameters())[name] = value;
    }
    point->set_source(row.trial().name());
  }
  const std::int64_t winners = spec.start_points_size();
  spec.mutable_limits()->set_trials(winners);
  spec.mutable_limits()->clear_stop_when_settled();
  spec.mutable_repeats()->set_top(winners);
  spec.mutable_repeats()->set_seeds(options.seeds);
  for (const std::string& text : options.overrides) {
    if (const absl::Status status = Override(text, &spec); !status.ok()) return status;
  }
  return spec;
}

}  // namespace lorasweep::cli
