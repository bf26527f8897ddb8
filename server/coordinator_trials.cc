#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/convert.h"
#include "proto/pack_key.h"
#include "proto/settings.h"
#include "search/wanted_point.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/messages.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

using State = search::TrialState;

constexpr std::int64_t kNoTrial = -1;
constexpr char kStopped[] = "stopped by a person";
constexpr std::int64_t kMostWaiting = 1000;   // trials of a sweep, when one more is enqueued
constexpr std::size_t kMaxParameters = 1000;  // of one call

absl::Status NotInState(const SweepState& sweep, std::int64_t trial, std::string_view verb, std::string_view allowed) {
  return absl::FailedPreconditionError(absl::StrCat(TrialName(sweep.sweep().slug, trial), " is ",
                                                    std::string(search::ToString(sweep.trial(trial).state)),
                                                    " and cannot be ", std::string(verb), "; ", std::string(allowed)));
}

// Would another attempt end as the last one did?
absl::Status CheckRetry(const SweepState& sweep, std::int64_t trial) {
  const search::Trial& tried = sweep.trial(trial);
  if (!search::IsFinal(tried.state) || !search::CanTransition(tried.state, State::kQueued)) {
    return NotInState(sweep, trial, "retried",
                      "only FAILED, INFEASIBLE and CANCELLED trials can. Enqueue its point to have it tried anew");
  }
  const std::string name = TrialName(sweep.sweep().slug, trial);
  if (const absl::Status applied = proto::ApplyParameters(sweep.spec(), tried.params).status(); !applied.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " cannot be trained: ", std::string(applied.message()), ". Enqueue another point"));
  }
  if (!tried.curve.empty() && !std::isfinite(tried.curve.back().value)) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " diverged: ", sweep.spec().metric().name(), " is ", tried.curve.back().value, " at step ",
                     tried.curve.back().step, ", and its training goes the same way each time. Enqueue another point"));
  }
  return absl::OkStatus();
}

absl::Status CheckParameters(const proto::ValueMap& parameters) {
  if (parameters.size() > kMaxParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat(parameters.size(), " parameters in one call; at most ", kMaxParameters, " are taken"));
  }
  for (const auto& [name, value] : parameters) {
    if (absl::Status status = CheckText("a parameter's name", name); !status.ok()) return status;
    if (absl::Status status = CheckText(name, value.text(), kMaxReason); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// May a trial of these settings go on from the adapter that `source` was trained to? What is inside the adapter cannot
// be another by then.
absl::Status CheckWarmStart(const SweepState& sweep, std::int64_t source, const v1::SweepSpec& wanted) {
  const std::string name = TrialName(sweep.sweep().slug, source);
  if (!sweep.record(source).adapter) {
    return absl::FailedPreconditionError(
        absl::StrCat("warm_start: ", name, " has kept no adapter to go on from",
                     search::IsFinal(sweep.trial(source).state) ? "" : "; it gets one when it ends"));
  }
  const absl::StatusOr<v1::SweepSpec> trained = proto::ApplyParameters(sweep.spec(), sweep.trial(source).params);
  if (!trained.ok()) return trained.status();
  const auto form = [](const v1::SweepSpec& spec) {
    return absl::StrCat(proto::AdapterShapeKey(spec), "\n", spec.training().lora_alpha(), "\n",
                        absl::StrJoin(spec.training().alpha_pattern(), ","), "\n", spec.training().use_rslora());
  };
  if (form(*trained) == form(wanted)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("warm_start: the adapter of ", name,
                   " keeps its model, rank, alpha, modules and form; other values of these need a trial that begins "
                   "anew"));
}

}  // namespace

absl::StatusOr<v1::Trial> Coordinator::StopTrial(const v1::ChangeTrialRequest& request) {
  return MutateOnce("StopTrial", &Coordinator::DoStopTrial, request);
}

absl::StatusOr<v1::Trial> Coordinator::RetryTrial(const v1::ChangeTrialRequest& request) {
  return MutateOnce("RetryTrial", &Coordinator::DoRetryTrial, request);
}

absl::StatusOr<v1::Trial> Coordinator::EnqueueTrial(const v1::EnqueueTrialRequest& request) {
  return MutateOnce("EnqueueTrial", &Coordinator::DoEnqueueTrial, request);
}

absl::StatusOr<v1::Trial> Coordinator::DoStopTrial(Change& change, const v1::ChangeTrialRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<FoundTrial> found = FindTrial(request.name());
  if (!found.ok()) return found.status();
  SweepState& sweep = *found->sweep;
  const std::int64_t trial = found->number;
  const State state = sweep.trial(trial).state;
  if (search::IsFinal(state)) {
    return NotInState(sweep, trial, "stopped", "only QUEUED, RUNNING and PAUSED trials can");
  }
  TrialRecord& record = sweep.record(trial);
  if (state == State::kRunning) {
    if (EndsTrial(record.verdict)) return TrialMessage(sweep, trial);  // it is on its way
    if (sweep.Finishing(trial)) {
      return NotInState(sweep, trial, "stopped", "it is at its last step, and its worker is saving it");
    }
    record.verdict = StoredVerdict::kCancel;
    record.verdict_reason = record.outcome_reason = kStopped;
    change.Touch(sweep, trial);
    return TrialMessage(sweep, trial);
  }
  if (absl::Status moved = MoveTrial(change, sweep, trial, State::kCancelled, kStopped); !moved.ok()) return moved;
  if (absl::Status ended = EndSweepIfDone(change, sweep, trial); !ended.ok()) return ended;
  return TrialMessage(sweep, trial);
}

absl::StatusOr<v1::Trial> Coordinator::DoRetryTrial(Change& change, const v1::ChangeTrialRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<FoundTrial> found = FindTrial(request.name());
  if (!found.ok()) return found.status();
  SweepState& sweep = *found->sweep;
  if (absl::Status checked = CheckRetry(sweep, found->number); !checked.ok()) return checked;
  // What was decided on it before is over, also for a worker that was only slow and goes on.
  TrialRecord& record = sweep.record(found->number);
  record.verdict = StoredVerdict::kNone;
  record.verdict_reason.clear();
  record.invalid = false;
  absl::Status moved = MoveTrial(change, sweep, found->number, State::kQueued, "");
  if (!moved.ok()) return moved;
  if (absl::Status taken = TakeUp(change, sweep); !taken.ok()) return taken;
  return TrialMessage(sweep, found->number);
}

absl::StatusOr<v1::Trial> Coordinator::DoEnqueueTrial(Change& change, const v1::EnqueueTrialRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<SweepState*> found = FindSweep(request.parent());
  if (!found.ok()) return found.status();
  SweepState& sweep = **found;
  if (absl::Status checked = CheckParameters(request.parameters()); !checked.ok()) return checked;
  if (request.has_like() && !sweep.Has(request.like())) {
    return absl::InvalidArgumentError(
        absl::StrCat("like is ", request.like(), "; ", request.parent(),
                     sweep.size() == 0 ? " has no trial yet" : absl::StrCat(" has trials 0 to ", sweep.size() - 1)));
  }
  if (sweep.Count(State::kQueued) >= kMostWaiting) {
    return absl::ResourceExhaustedError(absl::StrCat(sweep.Count(State::kQueued), " trials of ", request.parent(),
                                                     " wait for a worker; none is enqueued on top of ", kMostWaiting));
  }
  if (request.warm_start() && !request.has_like()) {
    return absl::InvalidArgumentError("warm_start needs `like`, the trial whose adapter to go on from");
  }
  search::Wish wish;
  if (request.has_like()) wish.like = request.like();
  absl::StatusOr<search::Params> given = proto::FromProto(request.parameters());
  if (!given.ok()) return given.status();
  wish.given = *std::move(given);
  const std::uint64_t seed = search::TrialSeed(static_cast<std::uint64_t>(sweep.spec().seed()), sweep.size());
  absl::StatusOr<search::Suggestion> point = search::WantedPoint(sweep.View(), wish, sweep.sampler(), seed);
  if (!point.ok()) return point.status();
  const absl::StatusOr<v1::SweepSpec> applied = proto::ApplyParameters(sweep.spec(), point->params);
  if (!applied.ok()) return applied.status();

  TrialRecord record;
  record.suggestion_reason = std::move(point->reason);
  record.create_time = change.now;
  record.max_steps = proto::MaxSteps(sweep.horizon_sequences(), applied->training().batch_size());
  if (request.warm_start()) {
    if (absl::Status checked = CheckWarmStart(sweep, request.like(), *applied); !checked.ok()) return checked;
    absl::StrAppend(&record.suggestion_reason, " Goes on from the adapter of trial ", request.like(), ".");
  }
  change.Touch(sweep);
  const std::int64_t trial =
      sweep.AddEnqueued(std::move(point->params), std::move(record), request.warm_start() ? request.like() : kNoTrial);
  change.Touch(sweep, trial);
  if (request.warm_start()) {
    if (absl::Status kept = KeepStart(change, sweep, trial); !kept.ok()) return kept;
  }
  change.news_for_workers = true;
  if (absl::Status taken = TakeUp(change, sweep); !taken.ok()) return taken;
  return TrialMessage(sweep, trial);
}

absl::Status Coordinator::KeepStart(Change& change, SweepState& sweep, std::int64_t trial) {
  TrialRecord& record = sweep.record(trial);
  record.start = *sweep.record(sweep.trial(trial).warm_start_of).adapter;
  v1::Artifact stored = *record.start;
  stored.set_kind(kStartKind);
  // The trial is stored ahead of what belongs to it.
  if (absl::Status put = change.transaction().PutTrial(sweep.sweep().id, sweep.trial(trial), &record); !put.ok()) {
    return put;
  }
  artifacts_.Add(stored);
  return change.transaction().PutArtifact(record.id, stored);
}

absl::Status Coordinator::TakeUp(Change& change, SweepState& sweep) {
  if (!sweep.ended()) return absl::OkStatus();
  // One that was ended before all was proposed goes on for what was added only.
  return Reopen(change, sweep, sweep.AllProposed() ? v1::Sweep::RUNNING : v1::Sweep::STOPPING);
}

absl::Status Coordinator::Reopen(Change& change, SweepState& sweep, v1::Sweep::State state) {
  sweep.sweep().error.clear();
  // That it has ended is not so any more, for those who have yet to be told.
  if (const auto due = notices_.find(sweep.sweep().id); due != notices_.end()) {
    if (absl::Status removed = change.transaction().DeleteNotice(due->first); !removed.ok()) return removed;
    notices_.erase(due);
  }
  SetSweepState(change, sweep, state);
  return absl::OkStatus();
}

}  // namespace lorasweep::server
