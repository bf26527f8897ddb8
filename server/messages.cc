#include "server/messages.h"

#include "proto/convert.h"
#include "server/proto_time.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

bool IsSet(absl::Time time) {
  return time != absl::InfinitePast();
}

void FillCounts(const SweepState& sweep, v1::TrialCounts* counts) {
  using State = search::TrialState;
  counts->set_queued(sweep.Count(State::kQueued));
  counts->set_running(sweep.Count(State::kRunning));
  counts->set_paused(sweep.Count(State::kPaused));
  counts->set_completed(sweep.Count(State::kCompleted));
  counts->set_pruned(sweep.Count(State::kPruned));
  counts->set_infeasible(sweep.Count(State::kInfeasible));
  counts->set_failed(sweep.Count(State::kFailed));
  counts->set_cancelled(sweep.Count(State::kCancelled));
}

v1::Attempt AttemptMessage(const AttemptRecord& attempt) {
  v1::Attempt message;
  message.set_number(attempt.number);
  message.set_worker(WorkerName(attempt.worker));
  if (IsSet(attempt.start_time)) *message.mutable_start_time() = ToProtoTime(attempt.start_time);
  if (IsSet(attempt.end_time)) *message.mutable_end_time() = ToProtoTime(attempt.end_time);
  message.set_end_reason(attempt.end_reason);
  message.set_start_step(attempt.start_step);
  return message;
}

}  // namespace

v1::Sweep SweepMessage(SweepState& sweep) {
  const SweepRecord& record = sweep.sweep();
  v1::Sweep message;
  message.set_name(SweepName(record.slug));
  *message.mutable_spec() = record.spec;
  message.mutable_spec()->clear_known_trials();  // many, and every change carries this message
  message.mutable_spec()->clear_start_points();  // likewise
  message.set_state(record.state);
  message.set_error(record.error);
  if (IsSet(record.create_time)) *message.mutable_create_time() = ToProtoTime(record.create_time);
  if (IsSet(record.update_time)) *message.mutable_update_time() = ToProtoTime(record.update_time);
  message.set_revision(record.revision);
  FillCounts(sweep, message.mutable_trial_counts());
  message.set_best_trial(-1);
  if (const auto& ranking = sweep.Ranking(); !ranking.empty()) {
    message.set_best_trial(ranking.front().trial);
    message.set_best_value(sweep.Shown(ranking.front().value.value));
  }
  if (sweep.base_value()) message.set_base_value(*sweep.base_value());
  message.set_planned_trials(sweep.planned_in_all());
  message.set_exhausted_reason(sweep.exhausted_reason());
  message.mutable_base_sha256()->insert(record.bases.begin(), record.bases.end());
  message.set_note(record.note);
  for (const std::string& tag : record.tags) message.add_tags(tag);
  return message;
}

v1::Trial TrialMessage(const SweepState& sweep, std::int64_t number) {
  const search::Trial& trial = sweep.trial(number);
  const TrialRecord& record = sweep.record(number);
  v1::Trial message;
  message.set_name(TrialName(sweep.sweep().slug, number));
  message.set_number(number);
  message.set_state(proto::ToProto(trial.state));
  proto::ToProto(trial.params, message.mutable_parameters());
  message.set_suggestion_reason(record.suggestion_reason);
  message.set_outcome_reason(record.outcome_reason);
  message.set_step(record.step);
  message.set_sequences(record.sequences);
  message.set_tokens(record.tokens);
  message.set_max_steps(record.max_steps);
  if (trial.repeat_of >= 0) message.set_repeat_of(trial.repeat_of);
  if (trial.warm_start_of >= 0) message.set_warm_start_of(trial.warm_start_of);
  message.set_note(record.note);
  if (!trial.curve.empty()) message.set_value(sweep.Shown(trial.curve.back().value));
  if (IsSet(record.create_time)) *message.mutable_create_time() = ToProtoTime(record.create_time);
  if (IsSet(record.update_time)) *message.mutable_update_time() = ToProtoTime(record.update_time);
  if (IsSet(record.start_time)) *message.mutable_start_time() = ToProtoTime(record.start_time);
  if (IsSet(record.end_time)) *message.mutable_end_time() = ToProtoTime(record.end_time);
  for (const AttemptRecord& attempt : record.attempts) *message.add_attempts() = AttemptMessage(attempt);
  if (record.adapter) *message.add_artifacts() = *record.adapter;
  if (record.checkpoint) *message.add_artifacts() = *record.checkpoint;
  for (const auto& [metric, measurement] : record.measurements) *message.add_measurements() = measurement;
  return message;
}

v1::LeaderboardRow RowMessage(const SweepState& sweep, const search::LeaderboardRow& row) {
  v1::LeaderboardRow message;
  message.set_rank(row.rank);
  *message.mutable_trial() = TrialMessage(sweep, row.trial);
  message.set_value(sweep.Shown(row.value.value));
  message.set_value_stderr(row.value.stderr_);
  message.set_gap(row.gap.value);
  message.set_gap_stderr(row.gap.stderr_);
  message.set_gap_step(row.gap_step);
  message.set_tied_with_best(row.tied_with_best);
  message.set_front(row.front);
  message.set_violation(row.violation);
  message.set_runs(row.runs);
  message.set_spread(row.spread);
  message.set_diverged(row.diverged);
  message.set_gap_margin(row.margin);
  for (std::size_t i = 0; i < row.others.size(); ++i) {
    message.add_objectives(sweep.objectives().further[i].maximize ? -row.others[i] : row.others[i]);
  }
  return message;
}

std::string StateName(v1::Sweep::State state) {
  return v1::Sweep::State_Name(state);
}

}  // namespace lorasweep::server
