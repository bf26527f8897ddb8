#include "server/change.h"

namespace lorasweep::server {

void Change::Touch(SweepState& sweep) {
  dirty_ = true;
  if (!sweeps_.emplace(sweep.sweep().id, &sweep).second) return;
  ++sweep.sweep().revision;
  sweep.sweep().update_time = now;
}

void Change::Touch(SweepState& sweep, std::int64_t trial) {
  Touch(sweep);
  sweep.record(trial).update_time = now;
  sweep.MarkChanged(trial);
  trials_.emplace(sweep.sweep().id, trial);
}

void Change::TouchAttempt(SweepState& sweep, std::int64_t trial) {
  Touch(sweep, trial);
  attempts_.emplace(sweep.sweep().id, trial);
}

absl::Status Change::Commit(std::int64_t last_token) {
  for (const auto& [id, sweep] : sweeps_) {
    if (absl::Status status = transaction_.PutSweep(&sweep->sweep()); !status.ok()) return status;
    absl::Status logged = transaction_.PutEvents(id, sweep->sweep().revision, sweep->TakeEvents());
    if (!logged.ok()) return logged;
  }
  for (const auto& [id, number] : trials_) {
    SweepState& sweep = *sweeps_.at(id);
    absl::Status status = transaction_.PutTrial(id, sweep.trial(number), &sweep.record(number));
    if (!status.ok()) return status;
  }
  for (const auto& [id, number] : attempts_) {
    const TrialRecord& record = sweeps_.at(id)->record(number);
    if (absl::Status status = transaction_.PutAttempt(record.id, record.attempts.back()); !status.ok()) return status;
  }
  if (!attempts_.empty()) {
    if (absl::Status status = transaction_.PutLastToken(last_token); !status.ok()) return status;
  }
  return transaction_.Commit();
}

}  // namespace lorasweep::server
