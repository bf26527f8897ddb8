#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/sweep_state.h"
#include "server/trial_store.h"

namespace lorasweep::server {

// What one call changes: it marks what it changed in memory, and all of that is stored in one transaction at the end.
// The first mark on a sweep gives the sweep its next revision, which everything that this change touches carries.
class Change {
 public:
  Change(TrialStore& store, absl::Time time_of_day, absl::Duration steady)
      : now(time_of_day), steady_now(steady), transaction_(store) {}

  const absl::Time now;             // for timestamps
  const absl::Duration steady_now;  // for leases

  // A worker that waits might get a trial after this change.
  bool news_for_workers = false;

  void Touch(SweepState& sweep);
  void Touch(SweepState& sweep, std::int64_t trial);
  // The trial's last attempt changed.
  void TouchAttempt(SweepState& sweep, std::int64_t trial);

  // The revision that the sweep has after this change, if it touches the sweep.
  std::int64_t RevisionOf(const SweepState& sweep) const {
    return sweep.sweep().revision + (sweeps_.contains(sweep.sweep().id) ? 0 : 1);
  }

  // For what is stored as it comes: observations, artifacts, workers, answers.
  StoreTransaction& transaction() {
    dirty_ = true;
    return transaction_;
  }
  // Memory may differ from what is stored.
  bool dirty() const { return dirty_; }
  const std::map<std::int64_t, SweepState*>& sweeps() const { return sweeps_; }

  // Undoes what was written, now rather than in the destructor.
  void Rollback() { transaction_.Rollback(); }
  // Stores what was marked, then commits.
  absl::Status Commit(std::int64_t last_token);

 private:
  StoreTransaction transaction_;
  bool dirty_ = false;
  std::map<std::int64_t, SweepState*> sweeps_;
  std::set<std::pair<std::int64_t, std::int64_t>> trials_;    // (sweep id, number)
  std::set<std::pair<std::int64_t, std::int64_t>> attempts_;  // likewise
};

}  // namespace lorasweep::server
