#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/messages.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

bool EndedByComplete(AttemptEnd end) {
  return end == AttemptEnd::kCompleted || end == AttemptEnd::kPruned || end == AttemptEnd::kPaused;
}

// How an attempt ends that FailTrial ends this way.
AttemptEnd EndOf(v1::FailTrialRequest::Kind kind) {
  switch (kind) {
    case v1::FailTrialRequest::INFEASIBLE:
      return AttemptEnd::kInfeasible;
    case v1::FailTrialRequest::ERROR:
      return AttemptEnd::kError;
    case v1::FailTrialRequest::HANDED_BACK:
      return AttemptEnd::kHandedBack;
    case v1::FailTrialRequest::INVALID:
      return AttemptEnd::kInvalid;
    case v1::FailTrialRequest::OTHER_BASE:
      return AttemptEnd::kOtherBase;
    default:
      return AttemptEnd::kOpen;
  }
}

}  // namespace

absl::StatusOr<Coordinator::Standing> Coordinator::CheckFinish(const std::string& worker_name, std::int64_t token) {
  const absl::StatusOr<std::string> worker = ParseWorkerName(worker_name);
  if (!worker.ok()) return worker.status();
  Seen(*worker);
  const Standing standing = StandingOf(*worker, token);
  if (standing.kind == Standing::Kind::kSuperseded) {
    return absl::FailedPreconditionError(
        absl::StrCat("the lease ", token, " of ", worker_name, " is not valid any more; drop that attempt"));
  }
  return standing;
}

absl::StatusOr<v1::Trial> Coordinator::DoCompleteTrial(Change& change, const v1::CompleteTrialRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<Standing> standing = CheckFinish(request.worker(), request.token());
  if (!standing.ok()) return standing.status();
  SweepState& sweep = *standing->sweep;
  const std::int64_t trial = standing->trial;
  TrialRecord& record = sweep.record(trial);
  if (standing->kind == Standing::Kind::kEnded) {
    const AttemptEnd end = record.attempts.back().end;
    if (EndedByComplete(end) || sweep.trial(trial).state == search::TrialState::kCancelled ||
        EndsTrial(record.verdict)) {
      return TrialMessage(sweep, trial);  // a repeated call, or one that comes after the trial was ended
    }
    return absl::FailedPreconditionError(absl::StrCat("the attempt has ended: ", record.attempts.back().end_reason));
  }
  if (request.observations_size() > kMaxObservations) {
    return absl::InvalidArgumentError(absl::StrCat(request.observations_size(), " observations in one call; at most ",
                                                   kMaxObservations, " are taken"));
  }
  absl::Status checked = CheckReport(*standing, request.observations(), request.samples(),
                                     request.has_adapter() ? &request.adapter() : nullptr, "adapter");
  checked.Update(CheckBase(request.base_sha256()));
  if (!checked.ok()) return checked;
  std::int64_t step = record.step;
  for (const v1::Observation& observation : request.observations()) {
    step = std::max<std::int64_t>(step, observation.step());
  }
  if (!sweep.external() && record.verdict == StoredVerdict::kNone && request.reason().empty() &&
      step < record.max_steps) {
    return absl::FailedPreconditionError(absl::StrCat(TrialName(sweep.sweep().slug, trial), " was reported up to step ",
                                                      step, " of ", record.max_steps,
                                                      " and nothing stopped it; report the rest, or use FailTrial"));
  }
  const absl::StatusOr<std::string> refused = SettleBase(change, *standing, request.base_sha256());
  if (!refused.ok()) return refused.status();
  if (!refused->empty()) return TrialMessage(sweep, trial);
  if (absl::Status held = HoldLease(change, *standing); !held.ok()) return held;
  if (absl::Status done = Ingest(change, *standing, request.observations()); !done.ok()) return done;
  if (absl::Status kept = KeepSamples(change, *standing, request.samples()); !kept.ok()) return kept;
  if (request.has_adapter()) {
    if (absl::Status kept = KeepArtifact(change, *standing, request.adapter()); !kept.ok()) return kept;
  }

  AttemptEnd end = AttemptEnd::kCompleted;
  search::TrialState state = search::TrialState::kCompleted;
  std::string end_reason = "completed";
  if (record.verdict == StoredVerdict::kStop) {
    end = AttemptEnd::kPruned;
    state = search::TrialState::kPruned;
    end_reason = "pruned";
  } else if (record.verdict == StoredVerdict::kPause) {
    end = AttemptEnd::kPaused;
    state = search::TrialState::kPaused;
    end_reason = "paused";
  } else if (record.verdict == StoredVerdict::kCancel) {
    end = AttemptEnd::kCancelled;
    state = search::TrialState::kCancelled;
    end_reason = record.verdict_reason;
  }
  EndAttempt(change, sweep, trial, end, end_reason);
  if (absl::Status kept = ObserveCosts(change, *standing, state); !kept.ok()) return kept;
  const bool by_itself = record.verdict == StoredVerdict::kNone;
  absl::Status moved = MoveTrial(change, sweep, trial, state, by_itself ? request.reason() : record.verdict_reason);
  if (!moved.ok()) return moved;
  if (absl::Status ended = EndSweepIfDone(change, sweep, trial); !ended.ok()) return ended;
  return TrialMessage(sweep, trial);
}

absl::Status Coordinator::ObserveCosts(Change& change, const Standing& standing, search::TrialState state) {
  const proto::Objectives& objectives = standing.sweep->objectives();
  const TrialRecord& record = standing.sweep->record(standing.trial);
  google::protobuf::RepeatedPtrField<v1::Observation> observations;
  const auto add = [&](const char* metric, double value) {
    v1::Observation& observation = *observations.Add();
    observation.set_metric(metric);
    observation.set_step(record.step);
    observation.set_sequences(record.sequences);
    observation.set_tokens(record.tokens);
    observation.set_value(value);
  };
  if (search::IsFinal(state)) {
    absl::Duration time;
    for (const AttemptRecord& attempt : record.attempts) time += attempt.end_time - attempt.start_time;
    const double seconds = absl::ToDoubleSeconds(time);
    if (objectives.Wants(proto::kTrialSeconds)) add(proto::kTrialSeconds, seconds);
    if (objectives.Wants(proto::kTrialSpeed) && seconds > 0) {
      add(proto::kTrialSpeed, static_cast<double>(record.tokens) / seconds);
    }
  }
  const std::optional<double> bytes = standing.sweep->AdapterBytes(standing.trial);
  if (bytes && record.adapter) add(proto::kAdapterBytes, *bytes);
  return Ingest(change, standing, observations);
}

absl::StatusOr<v1::Trial> Coordinator::DoFailTrial(Change& change, const v1::FailTrialRequest& request) {
  mutex_.AssertHeld();
  const AttemptEnd end = EndOf(request.kind());
  if (end == AttemptEnd::kOpen) {
    return absl::InvalidArgumentError(
        "kind is not set; allowed are INFEASIBLE, ERROR, HANDED_BACK, INVALID and "
        "OTHER_BASE");
  }
  const absl::StatusOr<Standing> standing = CheckFinish(request.worker(), request.token());
  if (!standing.ok()) return standing.status();
  SweepState& sweep = *standing->sweep;
  const std::int64_t trial = standing->trial;
  if (standing->kind == Standing::Kind::kEnded) {
    if (EndedByComplete(sweep.record(trial).attempts.back().end)) {
      return absl::FailedPreconditionError("the attempt was completed");
    }
    return TrialMessage(sweep, trial);
  }
  if (request.observations_size() > kMaxObservations) {
    return absl::InvalidArgumentError(absl::StrCat(request.observations_size(), " observations in one call; at most ",
                                                   kMaxObservations, " are taken"));
  }
  absl::Status checked = CheckReport(*standing, request.observations(), request.samples(), nullptr, "");
  checked.Update(CheckBase(request.base_sha256()));
  if (!checked.ok()) return checked;
  // What a failing worker says may be long; what people are told of it is not refused but cut.
  const std::string reason =
      request.reason().empty() ? v1::FailTrialRequest::Kind_Name(request.kind()) : Shorten(request.reason());
  if (end == AttemptEnd::kOtherBase) {
    if (absl::Status kept = RefuseBase(change, *standing, reason); !kept.ok()) return kept;
    return TrialMessage(sweep, trial);
  }
  const absl::StatusOr<std::string> refused = SettleBase(change, *standing, request.base_sha256());
  if (!refused.ok()) return refused.status();
  if (!refused->empty()) return TrialMessage(sweep, trial);
  if (absl::Status held = HoldLease(change, *standing); !held.ok()) return held;
  if (absl::Status done = Ingest(change, *standing, request.observations()); !done.ok()) return done;
  if (absl::Status kept = KeepSamples(change, *standing, request.samples()); !kept.ok()) return kept;

  absl::Status moved;
  if (end == AttemptEnd::kError || end == AttemptEnd::kHandedBack) {
    moved = InterruptAttempt(change, sweep, trial, end, reason);
  } else {
    EndAttempt(change, sweep, trial, end, reason);
    sweep.record(trial).invalid = end == AttemptEnd::kInvalid;
    moved =
        MoveTrial(change, sweep, trial,
                  end == AttemptEnd::kInvalid ? search::TrialState::kFailed : search::TrialState::kInfeasible, reason);
  }
  if (!moved.ok()) return moved;
  if (absl::Status ended = EndSweepIfDone(change, sweep, trial); !ended.ok()) return ended;
  return TrialMessage(sweep, trial);
}

absl::StatusOr<google::protobuf::Empty> Coordinator::DoExpireLeases(Change& change, const google::protobuf::Empty&) {
  mutex_.AssertHeld();
  for (const LeaseTable::Lease& lease : leases_.Expired(change.steady_now)) {
    if (leases_.Find(lease.token) == nullptr) continue;  // went with its sweep, which another's end has ended
    ++counters_.expired_leases;
    SweepState& sweep = *sweeps_.at(lease.sweep_id);
    Log(LogLevel::kWarning,
        absl::StrCat(TrialName(sweep.sweep().slug, lease.trial), ": the lease of ", lease.worker, " expired"));
    absl::Status moved = InterruptAttempt(change, sweep, lease.trial, AttemptEnd::kLeaseExpired, "lease expired");
    if (!moved.ok()) return moved;
    if (absl::Status ended = EndSweepIfDone(change, sweep, lease.trial); !ended.ok()) return ended;
  }
  return google::protobuf::Empty();
}

void Coordinator::EndAttempt(Change& change, SweepState& sweep, std::int64_t trial, AttemptEnd end,
                             const std::string& reason) {
  AttemptRecord& attempt = sweep.record(trial).attempts.back();
  attempt.end = end;
  attempt.end_time = change.now;
  attempt.end_reason = reason;
  leases_.Revoke(attempt.token);
  workers_[attempt.worker].unanswered.erase(attempt.token);
  change.TouchAttempt(sweep, trial);
}

absl::Status Coordinator::MoveTrial(Change& change, SweepState& sweep, std::int64_t trial, search::TrialState state,
                                    const std::string& reason) {
  if (absl::Status status = sweep.SetState(trial, state); !status.ok()) return status;
  TrialRecord& record = sweep.record(trial);
  record.outcome_reason = reason;
  record.end_time = search::IsFinal(state) ? change.now : absl::InfinitePast();
  change.Touch(sweep, trial);
  change.news_for_workers = true;
  return search::IsFinal(state) ? DropUnneeded(change, sweep, trial) : absl::OkStatus();
}

absl::Status Coordinator::DropUnneeded(Change& change, SweepState& sweep, std::int64_t trial) {
  const auto drop = [&](std::int64_t number, std::optional<v1::Artifact>& artifact) -> absl::Status {
    if (!artifact) return absl::OkStatus();
    change.Touch(sweep, number);
    absl::Status deleted = change.transaction().DeleteArtifact(sweep.record(number).id, artifact->kind());
    if (!deleted.ok()) return deleted;
    artifacts_.Release(*artifact);
    artifact.reset();
    return absl::OkStatus();
  };
  // A trial that failed may be tried again from its checkpoint.
  if (!search::CanTransition(sweep.trial(trial).state, search::TrialState::kQueued)) {
    if (absl::Status dropped = drop(trial, sweep.record(trial).checkpoint); !dropped.ok()) return dropped;
  }
  const std::int64_t limit = sweep.spec().limits().keep_adapters();
  if (limit == 0) return absl::OkStatus();
  // Repeats stand where the trial stands that they repeat.
  const auto point_of = [&](std::int64_t number) {
    const std::int64_t original = sweep.trial(number).repeat_of;
    return original >= 0 ? original : number;
  };
  std::set<std::int64_t> ended;
  for (std::int64_t number = 0; number < sweep.size(); ++number) {
    if (sweep.record(number).adapter && search::IsFinal(sweep.trial(number).state)) ended.insert(number);
  }
  std::set<std::int64_t> best;
  for (const search::LeaderboardRow& row : sweep.Ranking()) {
    if (static_cast<std::int64_t>(best.size()) == limit) break;
    if (ended.contains(row.trial)) best.insert(row.trial);
  }
  // While fewer have a rank than may be kept, those without one are no burden.
  if (static_cast<std::int64_t>(best.size()) < limit) return absl::OkStatus();
  for (const std::int64_t number : ended) {
    if (best.contains(point_of(number))) continue;
    if (absl::Status dropped = drop(number, sweep.record(number).adapter); !dropped.ok()) return dropped;
  }
  return absl::OkStatus();
}

absl::Status Coordinator::InterruptAttempt(Change& change, SweepState& sweep, std::int64_t trial, AttemptEnd end,
                                           const std::string& reason) {
  EndAttempt(change, sweep, trial, end, reason);
  const TrialRecord& record = sweep.record(trial);
  if (const std::optional<search::TrialState> decided = StateBy(record.verdict)) {
    return MoveTrial(change, sweep, trial, *decided, record.verdict_reason);
  }
  const auto crashes = std::count_if(record.attempts.begin(), record.attempts.end(),
                                     [](const AttemptRecord& attempt) { return SpendsRetry(attempt.end); });
  if (SpendsRetry(end) && crashes > sweep.spec().limits().retries()) {
    return MoveTrial(change, sweep, trial, search::TrialState::kFailed,
                     absl::StrCat("its ", crashes, " attempts failed; the last: ", reason));
  }
  return MoveTrial(change, sweep, trial, search::TrialState::kQueued, "");
}

}  // namespace lorasweep::server
