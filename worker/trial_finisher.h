#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "trainer_core/trainer/trainer.h"
#include "worker/checkpoint_uploader.h"
#include "worker/clock.h"
#include "worker/coordinator_client.h"
#include "worker/leased_trial.h"
#include "worker/report_stream.h"

namespace lorasweep::worker {

struct TrialFinisherOptions {
  std::filesystem::path work_folder;
  // After `stop`: so long the last checkpoint and the last word may take.
  std::chrono::milliseconds grace{10'000};
  // After each attempt, by its lease: its files are gone and the coordinator knows. On the finisher's thread.
  std::function<void(std::int64_t token)> on_over;
};

// Brings attempts to their ends beside training: a thread of its own uploads adapters and tells the coordinator how
// each attempt ended. The leases were added to the report stream; they are removed from it. Thread safe.
class TrialFinisher {
 public:
  using WriteAdapter = std::function<absl::Status()>;

  // References outlive the finisher. `stop` is the worker's: after it, calls have `grace` left.
  TrialFinisher(TrialFinisherOptions options, CoordinatorClient& client, ReportStream& stream,
                CheckpointUploader& uploader, Clock& clock, std::stop_token stop);
  // Waits until everything is said.
  ~TrialFinisher();

  // What the trainer says of the attempt, whose files lie in its folder, once `write_adapter` was called if it is not
  // null.
  void End(LeasedTrial trial, trainer::Outcome outcome, WriteAdapter write_adapter = nullptr);
  void Fail(v1::Lease lease, v1::FailTrialRequest::Kind kind, std::string reason);
  // Queued again for any worker, from its last checkpoint.
  void HandBack(v1::Lease lease, std::string reason = "the worker is stopping");
  // The coordinator said that the lease is not ours any more: it is dropped without a word.
  void Drop(v1::Lease lease);

 private:
  struct Work {
    std::int64_t token = 0;
    std::function<void()> what;
  };

  void Add(Work work);
  void Loop(const std::stop_token& stop);
  void Conclude(const LeasedTrial& trial, const trainer::Outcome& outcome, const WriteAdapter& write_adapter);
  void Complete(const LeasedTrial& trial, const trainer::Outcome& outcome, const WriteAdapter& write_adapter);
  absl::StatusOr<v1::Artifact> UploadAdapter(const LeasedTrial& trial, std::int64_t step,
                                             const WriteAdapter& write_adapter);
  void TellFailure(const v1::Lease& lease, v1::FailTrialRequest::Kind kind, const std::string& reason);
  void Return(const v1::Lease& lease, const std::string& reason);
  bool Abandoned(std::int64_t token) const;
  // Forgets the lease and removes its files.
  void Leave(const v1::Lease& lease);
  Patience patience() const { return {.stop = stop_, .limit = std::nullopt, .grace = options_.grace}; }

  const TrialFinisherOptions options_;
  CoordinatorClient& client_;
  ReportStream& stream_;
  CheckpointUploader& uploader_;
  Clock& clock_;
  const std::stop_token stop_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Work> work_;  // guarded by mutex_

  std::jthread thread_;  // last: it uses everything above
};

}  // namespace lorasweep::worker
