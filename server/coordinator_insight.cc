// What takes long to find out: from a copy of the sweep, not under the coordinator's lock.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/convert.h"
#include "search/effects.h"
#include "search/importance.h"
#include "search/replay.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

constexpr std::int64_t kMostDifferences = 100;

// The trials with their last evaluations, without losses per sequence.
std::vector<search::Trial> Outlines(const SweepState& sweep) {
  std::vector<search::Trial> trials;
  trials.reserve(static_cast<std::size_t>(sweep.size()));
  for (const search::Trial& trial : sweep.View().trials) {
    search::Trial& outline = trials.emplace_back();
    outline.number = trial.number;
    outline.state = trial.state;
    outline.params = trial.params;
    outline.repeat_of = trial.repeat_of;
    outline.warm_start_of = trial.warm_start_of;
    if (trial.curve.empty()) continue;
    const search::Evaluation& last = trial.curve.back();
    outline.curve.push_back({last.step, last.sequences, last.value, {}, {}});
  }
  return trials;
}

LoadedSweep Copy(const SweepState& sweep) {
  LoadedSweep copy;
  copy.sweep = sweep.sweep();
  const search::SweepView view = sweep.View();
  copy.trials.assign(view.trials.begin(), view.trials.end());
  copy.records.resize(copy.trials.size());  // no decision depends on them
  copy.enqueued = sweep.enqueued();
  return copy;
}

// The main effect of the row's parameter, where there is one.
void AddEffect(const search::Effects& effects, double sign, v1::ParameterImportance* row) {
  for (const search::Effect& effect : effects.effects) {
    if (effect.parameter != row->parameter()) continue;
    for (const search::Effect::Point& point : effect.points) {
      v1::ParameterEffect* shown = row->add_effects();
      *shown->mutable_value() = proto::ToProto(point.value);
      shown->set_metric(sign * point.metric.value);
      shown->set_metric_stderr(point.metric.stderr_);
    }
  }
}

}  // namespace

absl::StatusOr<v1::GetImportanceResponse> Coordinator::GetImportance(const v1::GetImportanceRequest& request) {
  struct Outline {
    search::Space space;
    std::vector<search::Trial> trials;
    std::uint64_t seed = 0;
    double sign = 1;  // of the metric as people read it
  };
  const absl::StatusOr<Outline> outline = Settled([&]() -> absl::StatusOr<Outline> {
    mutex_.AssertHeld();
    const absl::StatusOr<SweepState*> sweep = FindSweep(request.name());
    if (!sweep.ok()) return sweep.status();
    return Outline{(*sweep)->space(), Outlines(**sweep), static_cast<std::uint64_t>((*sweep)->spec().seed()),
                   (*sweep)->Shown(1)};
  });
  if (!outline.ok()) return outline.status();
  const absl::StatusOr<search::Importances> importances =
      search::FindImportances({outline->space, outline->trials}, outline->seed);
  if (!importances.ok()) return importances.status();
  const absl::StatusOr<search::Effects> effects = search::FindEffects({outline->space, outline->trials}, outline->seed);
  if (!effects.ok()) return effects.status();
  v1::GetImportanceResponse response;
  response.set_trials(importances->trials);
  for (const search::Importance& importance : importances->parameters) {
    v1::ParameterImportance* row = response.add_parameters();
    row->set_parameter(importance.parameter);
    row->set_importance(importance.share.value);
    row->set_importance_stderr(importance.share.stderr_);
    *row->mutable_best_low() = proto::ToProto(importance.best_low);
    *row->mutable_best_high() = proto::ToProto(importance.best_high);
    AddEffect(*effects, outline->sign, row);
  }
  response.set_model_fit(effects->fit);
  for (const search::Interaction& together : effects->interactions) {
    v1::ParameterInteraction* interaction = response.add_interactions();
    interaction->set_first(together.first);
    interaction->set_second(together.second);
    interaction->set_share(together.share);
  }
  return response;
}

absl::StatusOr<v1::ReplaySweepResponse> Coordinator::ReplaySweep(const v1::ReplaySweepRequest& request) {
  absl::StatusOr<LoadedSweep> copy = Settled([&]() -> absl::StatusOr<LoadedSweep> {
    mutex_.AssertHeld();
    const absl::StatusOr<SweepState*> sweep = FindSweep(request.name());
    if (!sweep.ok()) return sweep.status();
    return Copy(**sweep);
  });
  if (!copy.ok()) return copy.status();
  const std::string slug = copy->sweep.slug;
  // Its own sampler and pruner: the sweep may be deleted meanwhile.
  const absl::StatusOr<std::unique_ptr<SweepState>> sweep = SweepState::Make(*std::move(copy), options_.policies);
  if (!sweep.ok()) return sweep.status();
  const SweepState& state = **sweep;
  const absl::StatusOr<std::vector<search::SweepEvent>> events =
      store_.ListEvents(state.sweep().id, state.sweep().revision);
  if (!events.ok()) return events.status();
  const auto added = std::count_if(events->begin(), events->end(),
                                   [](const search::SweepEvent& event) { return search::AddsTrial(event.kind); });
  if (added != state.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat(SweepName(slug),
                     " was begun by a version of lorasweep that kept no log of its decisions; newer sweeps can be "
                     "replayed"));
  }
  const absl::StatusOr<search::ReplayResult> result =
      search::Replay({.space = state.space(),
                      .trials = state.View().trials,
                      .known = state.known(),
                      .events = *events,
                      .planned = state.first_proposals(),
                      .seed = static_cast<std::uint64_t>(state.spec().seed())},
                     state.sampler(), state.pruner());
  if (!result.ok()) {
    return absl::DataLossError(absl::StrCat(SweepName(slug), ": ", std::string(result.status().message())));
  }
  v1::ReplaySweepResponse response;
  response.set_suggestions(result->suggestions);
  response.set_verdicts(result->verdicts);
  response.set_difference_count(static_cast<std::int64_t>(result->differences.size()));
  for (const search::ReplayDifference& found : result->differences) {
    if (response.differences_size() == kMostDifferences) break;
    v1::ReplayDifference* difference = response.add_differences();
    difference->set_trial_number(found.trial);
    difference->set_step(found.step);
    difference->set_logged(found.logged);
    difference->set_replayed(found.replayed);
  }
  return response;
}

}  // namespace lorasweep::server
