#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/settings.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/messages.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

constexpr std::int64_t kMaxSpecBytes = 1 << 20;
// So many trials that fail as invalid, and none that trained a step, mean that the sweep itself is wrong.
constexpr std::int64_t kInvalidTrialsToFail = 3;

absl::Status NotInState(const SweepState& sweep, std::string_view verb, std::string_view allowed) {
  return absl::FailedPreconditionError(absl::StrCat(SweepName(sweep.sweep().slug), " is ",
                                                    StateName(sweep.sweep().state), " and cannot be ",
                                                    std::string(verb), "; only ", std::string(allowed), " can"));
}

// Does a point of the space make a sweep that could train? Asks for one as the first trial would, and keeps nothing.
absl::Status TryFirstPoint(const SweepState& sweep) {
  const absl::StatusOr<search::Proposal> proposal =
      sweep.sampler().Suggest(sweep.View(), search::TrialSeed(static_cast<std::uint64_t>(sweep.spec().seed()), 0));
  if (!proposal.ok()) return proposal.status();
  const auto* suggestion = std::get_if<search::Suggestion>(&*proposal);
  if (suggestion == nullptr) return absl::InvalidArgumentError("parameters: the space has no point to try");
  return proto::ApplyParameters(sweep.spec(), suggestion->params).status();
}

bool ReachedTarget(const SweepState& sweep, const search::Trial& trial) {
  if (trial.state != search::TrialState::kCompleted || trial.curve.empty()) return false;
  if (search::TotalViolation(trial) > 0) return false;
  const double target = sweep.spec().metric().target();
  return trial.curve.back().value <= sweep.Shown(target);  // both minimised
}

// Why no trial of this sweep can run anywhere, as its first trials show; empty when they do not show it.
std::string WrongForAnyWorker(const SweepState& sweep) {
  if (sweep.Count(search::TrialState::kFailed) == 0) return "";
  std::int64_t invalid = 0;
  const TrialRecord* last = nullptr;
  for (std::int64_t number = 0; number < sweep.size(); ++number) {
    const TrialRecord& record = sweep.record(number);
    if (record.step > 0) return "";
    if (!record.invalid) continue;
    last = &record;
    ++invalid;
  }
  const std::int64_t enough =
      sweep.planned() > 0 ? std::min(kInvalidTrialsToFail, sweep.planned()) : kInvalidTrialsToFail;
  if (invalid < enough) return "";
  return absl::StrCat("the first ", invalid, " trials could not run: ", last->outcome_reason);
}

}  // namespace

absl::StatusOr<v1::Sweep> Coordinator::DoCreateSweep(Change& change, const v1::CreateSweepRequest& request) {
  mutex_.AssertHeld();
  if (static_cast<std::int64_t>(request.spec().ByteSizeLong()) > kMaxSpecBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the spec has ", request.spec().ByteSizeLong(), " bytes; at most ", kMaxSpecBytes, " are taken"));
  }
  LoadedSweep fresh;
  fresh.sweep.spec = request.spec();
  proto::FillDefaults(&fresh.sweep.spec);
  if (absl::Status valid = proto::ValidateSpec(fresh.sweep.spec); !valid.ok()) return valid;
  // Rows are counted where the data are read: the client turns epochs into steps.
  if (fresh.sweep.spec.training().epochs() > 0) {
    return absl::InvalidArgumentError("training.epochs: give max_steps instead; the server does not read the data");
  }
  if (absl::Status added = AddKnownTrials(&fresh.sweep.spec); !added.ok()) return added;
  fresh.sweep.slug = FreeSlug(fresh.sweep.spec.name());
  fresh.sweep.first_trials = fresh.sweep.spec.limits().trials();
  fresh.sweep.create_time = fresh.sweep.update_time = change.now;
  absl::StatusOr<std::unique_ptr<SweepState>> made = SweepState::Make(std::move(fresh), options_.policies);
  if (!made.ok()) return absl::InvalidArgumentError(std::string(made.status().message()));
  SweepState& sweep = **made;
  if (absl::Status tried = TryFirstPoint(sweep); !tried.ok()) {
    return absl::InvalidArgumentError(std::string(tried.message()));
  }
  if (request.validate_only()) return Describe(sweep);

  if (absl::Status put = change.transaction().PutSweep(&sweep.sweep()); !put.ok()) return put;
  change.Touch(sweep);
  change.news_for_workers = true;
  slugs_[sweep.sweep().slug] = sweep.sweep().id;
  active_.insert(sweep.sweep().id);
  sweeps_[sweep.sweep().id] = *std::move(made);
  Log(LogLevel::kInfo, absl::StrCat(SweepName(sweep.sweep().slug), " created"));
  return Describe(sweep);
}

std::string Coordinator::FreeSlug(std::string_view name) const {
  const std::string slug = MakeSlug(name);
  std::string candidate = slug;
  for (std::int64_t n = 2; slugs_.contains(candidate); ++n) candidate = absl::StrCat(slug, "-", n);
  return candidate;
}

absl::StatusOr<google::protobuf::Empty> Coordinator::DoDeleteSweep(Change& change,
                                                                   const v1::DeleteSweepRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<SweepState*> found = FindSweep(request.name());
  if (!found.ok()) return found.status();
  SweepState& sweep = **found;
  if (!sweep.ended()) return NotInState(sweep, "deleted", "sweeps that ended (stop or cancel it first)");
  const std::int64_t id = sweep.sweep().id;
  if (absl::Status status = change.transaction().DeleteSweep(id); !status.ok()) return status;
  for (std::int64_t number = 0; number < sweep.size(); ++number) {
    const TrialRecord& record = sweep.record(number);
    for (const AttemptRecord& attempt : record.attempts) attempts_.erase(attempt.token);
    if (record.adapter) artifacts_.Release(*record.adapter);
    if (record.checkpoint) artifacts_.Release(*record.checkpoint);
    if (record.start) artifacts_.Release(*record.start);
  }
  Log(LogLevel::kInfo, absl::StrCat(SweepName(sweep.sweep().slug), " deleted"));
  notices_.erase(id);
  slugs_.erase(sweep.sweep().slug);
  sweeps_.erase(id);
  events_.Remove(id);
  return google::protobuf::Empty();
}

absl::StatusOr<v1::Sweep> Coordinator::DoPauseSweep(Change& change, const v1::ChangeSweepRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<SweepState*> sweep = FindSweep(request.name());
  if (!sweep.ok()) return sweep.status();
  if ((*sweep)->sweep().state != v1::Sweep::RUNNING) return NotInState(**sweep, "paused", "a RUNNING sweep");
  SetSweepState(change, **sweep, v1::Sweep::PAUSED);
  return Describe(**sweep);
}

absl::StatusOr<v1::Sweep> Coordinator::DoResumeSweep(Change& change, const v1::ChangeSweepRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<SweepState*> sweep = FindSweep(request.name());
  if (!sweep.ok()) return sweep.status();
  if ((*sweep)->sweep().state != v1::Sweep::PAUSED) return NotInState(**sweep, "resumed", "a PAUSED sweep");
  SetSweepState(change, **sweep, v1::Sweep::RUNNING);
  return Describe(**sweep);
}

absl::StatusOr<v1::Sweep> Coordinator::DoStopSweep(Change& change, const v1::ChangeSweepRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<SweepState*> found = FindSweep(request.name());
  if (!found.ok()) return found.status();
  SweepState& sweep = **found;
  const v1::Sweep::State state = sweep.sweep().state;
  if (state != v1::Sweep::RUNNING && state != v1::Sweep::PAUSED) {
    return NotInState(sweep, "stopped", "a RUNNING or PAUSED sweep");
  }
  SetSweepState(change, sweep, v1::Sweep::STOPPING);
  // What does not run now is not drained. A trial that loses its worker from here on still gets its next attempt.
  for (const search::TrialState waiting : {search::TrialState::kQueued, search::TrialState::kPaused}) {
    for (const std::int64_t number : sweep.InState(waiting)) {
      absl::Status moved =
          MoveTrial(change, sweep, number, search::TrialState::kCancelled, "the sweep was stopped before it ran");
      if (!moved.ok()) return moved;
    }
  }
  if (absl::Status status = EndSweepIfDone(change, sweep, -1); !status.ok()) return status;
  return Describe(sweep);
}

absl::StatusOr<v1::Sweep> Coordinator::DoCancelSweep(Change& change, const v1::ChangeSweepRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<SweepState*> sweep = FindSweep(request.name());
  if (!sweep.ok()) return sweep.status();
  if ((*sweep)->ended()) return NotInState(**sweep, "cancelled", "a RUNNING, PAUSED or STOPPING sweep");
  absl::Status ended = EndSweep(change, **sweep, v1::Sweep::CANCELLED, "the sweep was cancelled");
  if (!ended.ok()) return ended;
  return Describe(**sweep);
}

void Coordinator::SetSweepState(Change& change, SweepState& sweep, v1::Sweep::State state) {
  change.Touch(sweep);
  change.news_for_workers = true;
  sweep.sweep().state = state;
  if (sweep.ended()) {
    active_.erase(sweep.sweep().id);
  } else {
    active_.insert(sweep.sweep().id);
  }
  Log(LogLevel::kInfo, absl::StrCat(SweepName(sweep.sweep().slug), " is ", StateName(state)));
}

absl::Status Coordinator::EndSweep(Change& change, SweepState& sweep, v1::Sweep::State state,
                                   const std::string& reason) {
  for (const search::TrialState open :
       {search::TrialState::kQueued, search::TrialState::kRunning, search::TrialState::kPaused}) {
    for (const std::int64_t number : sweep.InState(open)) {
      if (open == search::TrialState::kRunning) EndAttempt(change, sweep, number, AttemptEnd::kCancelled, reason);
      absl::Status moved = MoveTrial(change, sweep, number, search::TrialState::kCancelled, reason);
      if (!moved.ok()) return moved;
    }
  }
  if (state == v1::Sweep::FAILED) sweep.sweep().error = reason;
  SetSweepState(change, sweep, state);
  return AddNotice(change, sweep);
}

bool Coordinator::AddRepeats(Change& change, SweepState& sweep) {
  if (sweep.sweep().state == v1::Sweep::STOPPING) return false;
  const std::vector<std::int64_t> best = sweep.TrialsToRepeat();
  const std::int64_t seeds = sweep.spec().repeats().seeds();
  const std::int64_t proposed = sweep.size();
  for (std::int64_t seed = 1; seed <= seeds; ++seed) {
    for (std::size_t place = 0; place < best.size(); ++place) {
      TrialRecord record;
      record.suggestion_reason = absl::StrCat("Repeat ", seed, " of ", seeds, " of trial ", best[place],
                                              ", which came ", place + 1, ". of ", proposed, ", with another seed.");
      record.create_time = change.now;
      record.max_steps = sweep.record(best[place]).max_steps;
      change.Touch(sweep);
      change.Touch(sweep, sweep.AddRepeat(best[place], std::move(record)));
    }
  }
  change.news_for_workers |= !best.empty();
  return !best.empty();
}

absl::Status Coordinator::EndSweepIfDone(Change& change, SweepState& sweep, std::int64_t trial) {
  using State = search::TrialState;
  if (sweep.ended()) return absl::OkStatus();
  if (trial >= 0 && sweep.spec().metric().has_target() && ReachedTarget(sweep, sweep.trial(trial))) {
    return EndSweep(change, sweep, v1::Sweep::COMPLETED, absl::StrCat("trial ", trial, " reached the sweep's target"));
  }
  if (const std::string why = WrongForAnyWorker(sweep); !why.empty()) {
    return EndSweep(change, sweep, v1::Sweep::FAILED, why);
  }
  if (sweep.Count(State::kQueued) + sweep.Count(State::kRunning) > 0) return absl::OkStatus();
  if (AddRepeats(change, sweep)) return absl::OkStatus();
  if (sweep.sweep().state == v1::Sweep::STOPPING || (sweep.AllProposed() && sweep.Count(State::kPaused) == 0)) {
    return EndSweep(change, sweep, v1::Sweep::COMPLETED, "the sweep has ended");
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::server
