#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/convert.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

using Observations = google::protobuf::RepeatedPtrField<v1::Observation>;
using Samples = google::protobuf::RepeatedPtrField<v1::Sample>;

// How far a worker may count. Other people's trainers know their own length.
std::int64_t StepLimit(const SweepState& sweep, std::int64_t trial) {
  return sweep.external() ? std::numeric_limits<std::int64_t>::max() : sweep.record(trial).max_steps;
}

void SetVerdict(v1::Verdict* verdict, v1::Verdict::Action action, const std::string& reason) {
  verdict->set_action(action);
  verdict->set_reason(reason);
}

}  // namespace

absl::StatusOr<v1::ReportResponse> Coordinator::DoReport(Change& change, const v1::ReportRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<std::string> worker = ParseWorkerName(request.worker());
  if (!worker.ok()) return worker.status();
  if (request.reports_size() > kMaxReports) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.reports_size(), " reports in one call; at most ", kMaxReports, " are taken"));
  }
  std::int64_t observations = 0;
  for (const v1::LeaseReport& report : request.reports()) observations += report.observations_size();
  if (observations > kMaxObservations) {
    return absl::InvalidArgumentError(
        absl::StrCat(observations, " observations in one call; at most ", kMaxObservations, " are taken"));
  }
  if (absl::Status status = CheckUse(request.use()); !status.ok()) return status;
  // All is checked before anything is changed: a call is taken whole or not at all.
  for (const v1::LeaseReport& report : request.reports()) {
    if (absl::Status base = CheckBase(report.base_sha256()); !base.ok()) return base;
    absl::Status checked = CheckReport(StandingOf(*worker, report.token()), report.observations(), report.samples(),
                                       report.has_checkpoint() ? &report.checkpoint() : nullptr, "checkpoint");
    if (!checked.ok()) return checked;
  }
  Seen(*worker);
  if (request.has_use()) NoteUse(*worker, request.use());
  counters_.reports += request.reports_size();
  v1::ReportResponse response;
  for (const v1::LeaseReport& report : request.reports()) {
    v1::Verdict* verdict = response.add_verdicts();
    verdict->set_token(report.token());
    const Standing standing = StandingOf(*worker, report.token());
    if (standing.kind == Standing::Kind::kSuperseded) {
      SetVerdict(verdict, v1::Verdict::ABANDON, "the lease is not valid any more");
      continue;
    }
    const TrialRecord& record = standing.sweep->record(standing.trial);
    if (standing.kind == Standing::Kind::kEnded) {
      const bool stopped =
          standing.sweep->trial(standing.trial).state == search::TrialState::kCancelled || EndsTrial(record.verdict);
      const AttemptRecord& attempt = record.attempts.back();
      SetVerdict(verdict, stopped ? v1::Verdict::STOP : v1::Verdict::ABANDON,
                 attempt.end == AttemptEnd::kOtherBase ? attempt.end_reason : record.outcome_reason);
      continue;
    }
    const absl::StatusOr<std::string> refused = SettleBase(change, standing, report.base_sha256());
    if (!refused.ok()) return refused.status();
    if (!refused->empty()) {
      SetVerdict(verdict, v1::Verdict::ABANDON, *refused);
      continue;
    }
    if (absl::Status held = HoldLease(change, standing); !held.ok()) return held;
    if (absl::Status done = Ingest(change, standing, report.observations()); !done.ok()) return done;
    if (absl::Status kept = KeepSamples(change, standing, report.samples()); !kept.ok()) return kept;
    if (report.has_checkpoint()) {
      if (absl::Status kept = KeepArtifact(change, standing, report.checkpoint()); !kept.ok()) return kept;
    }
    switch (record.verdict) {
      case StoredVerdict::kNone:
        SetVerdict(verdict, v1::Verdict::CONTINUE, "");
        break;
      case StoredVerdict::kPause:
        SetVerdict(verdict, v1::Verdict::PAUSE, record.verdict_reason);
        break;
      case StoredVerdict::kStop:
      case StoredVerdict::kCancel:
        SetVerdict(verdict, v1::Verdict::STOP, record.verdict_reason);
        break;
    }
  }
  return response;
}

Coordinator::Standing Coordinator::StandingOf(const std::string& worker, std::int64_t token) {
  const auto found = attempts_.find(token);
  if (found == attempts_.end()) return {};
  const Place& place = found->second;
  SweepState& sweep = *sweeps_.at(place.sweep_id);
  const TrialRecord& record = sweep.record(place.trial);
  const AttemptRecord& attempt = record.attempts[place.attempt];
  if (attempt.worker != worker || place.attempt + 1 != record.attempts.size()) return {};
  Standing standing{.kind = Standing::Kind::kEnded, .sweep = &sweep, .trial = place.trial};
  if (leases_.Find(token) != nullptr) {
    standing.kind = Standing::Kind::kLive;
  } else if (attempt.end == AttemptEnd::kLeaseExpired && !sweep.ended()) {
    const search::TrialState state = sweep.trial(place.trial).state;
    if (state == search::TrialState::kQueued || state == search::TrialState::kFailed) {
      standing.kind = Standing::Kind::kExpired;
    }
  }
  return standing;
}

absl::Status Coordinator::HoldLease(Change& change, const Standing& standing) {
  SweepState& sweep = *standing.sweep;
  TrialRecord& record = sweep.record(standing.trial);
  AttemptRecord& attempt = record.attempts.back();
  if (standing.kind == Standing::Kind::kExpired) {
    // Slow, not dead: nobody has taken over, so nothing is lost by letting it go on.
    if (sweep.trial(standing.trial).state == search::TrialState::kFailed) {
      absl::Status queued = sweep.SetState(standing.trial, search::TrialState::kQueued);
      if (!queued.ok()) return queued;
      record.outcome_reason.clear();
      record.end_time = absl::InfinitePast();
    }
    absl::Status running = sweep.SetState(standing.trial, search::TrialState::kRunning);
    if (!running.ok()) return running;
    attempt.end = AttemptEnd::kOpen;
    attempt.end_time = absl::InfinitePast();
    attempt.end_reason.clear();
    leases_.Grant(attempt.token, sweep.sweep().id, standing.trial, attempt.worker, change.steady_now);
    change.TouchAttempt(sweep, standing.trial);
  }
  leases_.Renew(attempt.token, change.steady_now);
  workers_[attempt.worker].unanswered.erase(attempt.token);
  if (!attempt.reported) {
    attempt.reported = true;
    change.TouchAttempt(sweep, standing.trial);
  }
  return absl::OkStatus();
}

absl::Status Coordinator::CheckReport(const Standing& standing, const Observations& observations,
                                      const Samples& samples, const v1::Artifact* artifact, std::string_view kind) {
  if (standing.kind == Standing::Kind::kSuperseded || standing.kind == Standing::Kind::kEnded) {
    return absl::OkStatus();  // nothing of it is kept
  }
  const std::int64_t limit = StepLimit(*standing.sweep, standing.trial);
  for (const v1::Observation& observation : observations) {
    if (absl::Status status = CheckObservation(observation, limit); !status.ok()) return status;
  }
  if (samples.size() > kMaxSamples) {
    return absl::InvalidArgumentError(
        absl::StrCat(samples.size(), " samples of one trial; at most ", kMaxSamples, " are taken in a call"));
  }
  for (const v1::Sample& sample : samples) {
    if (absl::Status status = CheckSample(sample, limit); !status.ok()) return status;
  }
  if (artifact == nullptr) return absl::OkStatus();
  if (absl::Status status = CheckArtifact(*artifact, kind, limit); !status.ok()) return status;
  for (const v1::ArtifactFile& file : artifact->files()) {
    const absl::Status there = artifacts_.Check(file);
    if (absl::IsNotFound(there)) {
      return absl::FailedPreconditionError(
          absl::StrCat(file.path(), " (", file.sha256(), ") was not uploaded; upload it, then report it"));
    }
    if (!there.ok()) return there;
  }
  return absl::OkStatus();
}

absl::Status Coordinator::Ingest(Change& change, const Standing& standing, const Observations& observations) {
  SweepState& sweep = *standing.sweep;
  const std::int64_t trial = standing.trial;
  std::vector<const v1::Observation*> by_step;
  for (const v1::Observation& observation : observations) by_step.push_back(&observation);
  std::stable_sort(by_step.begin(), by_step.end(), [](const auto* a, const auto* b) { return a->step() < b->step(); });
  TrialRecord& record = sweep.record(trial);
  for (const v1::Observation* observation : by_step) {
    const absl::StatusOr<bool> is_new = change.transaction().PutObservation(
        sweep.sweep().id, record.id, change.RevisionOf(sweep), *observation, change.now);
    if (!is_new.ok()) return is_new.status();
    if (!*is_new) continue;
    ++counters_.observations;
    change.Touch(sweep, trial);
    record.step = std::max<std::int64_t>(record.step, observation->step());
    record.sequences = std::max<std::int64_t>(record.sequences, observation->sequences());
    record.tokens = std::max<std::int64_t>(record.tokens, observation->tokens());
    sweep.Observe(trial, observation->metric(), observation->value());
    if (observation->metric() != sweep.spec().metric().name()) continue;

    if (const std::optional<double> bytes = sweep.AdapterBytes(trial)) {
      // Known of another trial's adapter, and from the start: so that pruning may weigh it.
      v1::Observation size;
      size.set_metric(proto::kAdapterBytes);
      size.set_value(*bytes);
      const absl::StatusOr<bool> put =
          change.transaction().PutObservation(sweep.sweep().id, record.id, change.RevisionOf(sweep), size, change.now);
      if (!put.ok()) return put.status();
      if (*put) sweep.Observe(trial, size.metric(), size.value());
    }
    absl::StatusOr<search::Evaluation> evaluation = proto::ToEvaluation(*observation, sweep.spec().metric());
    if (!evaluation.ok()) return evaluation.status();
    const bool latest = sweep.AddEvaluation(trial, *std::move(evaluation));
    change.news_for_workers |= sweep.waiting_for_results;
    // Untrained trials are all alike, and one at its full length has nothing left to be stopped. Repeats are to tell
    // how a good point does at full length.
    if (!latest || observation->step() == 0 || record.verdict != StoredVerdict::kNone ||
        sweep.trial(trial).repeat_of >= 0 || (!sweep.external() && observation->step() >= record.max_steps)) {
      continue;
    }
    const search::Verdict verdict = sweep.Judge(trial);
    if (verdict.action == search::Verdict::Action::kContinue) continue;
    record.verdict = verdict.action == search::Verdict::Action::kStop ? StoredVerdict::kStop : StoredVerdict::kPause;
    record.verdict_reason = verdict.reason;
    Log(LogLevel::kInfo,
        absl::StrCat(TrialName(sweep.sweep().slug, trial), " at step ", observation->step(), ": ", verdict.reason));
  }
  change.news_for_workers |= sweep.Finishing(trial);
  return absl::OkStatus();
}

absl::Status Coordinator::KeepSamples(Change& change, const Standing& standing, const Samples& samples) {
  for (const v1::Sample& sample : samples) {
    const absl::StatusOr<bool> is_new =
        change.transaction().PutSample(standing.sweep->record(standing.trial).id, sample, change.now);
    if (!is_new.ok()) return is_new.status();
    // Who watches the trial asks for its samples again.
    if (*is_new) change.Touch(*standing.sweep, standing.trial);
  }
  return absl::OkStatus();
}

absl::Status Coordinator::KeepArtifact(Change& change, const Standing& standing, const v1::Artifact& reported) {
  TrialRecord& record = standing.sweep->record(standing.trial);
  const v1::Artifact artifact = artifacts_.WithChunks(reported);
  std::optional<v1::Artifact>& kept = artifact.kind() == "adapter" ? record.adapter : record.checkpoint;
  if (kept && kept->step() > artifact.step()) return absl::OkStatus();  // a repeated or late report
  change.Touch(*standing.sweep, standing.trial);
  if (absl::Status put = change.transaction().PutArtifact(record.id, artifact); !put.ok()) return put;
  artifacts_.Add(artifact);
  if (kept) artifacts_.Release(*kept);
  kept = artifact;
  if (artifact.kind() == "adapter") standing.sweep->NoteAdapter(standing.trial);
  return absl::OkStatus();
}

}  // namespace lorasweep::server
