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
  // After each attempt that was not reported to its end: its files are gone and the coordinator knows. On the
  // finisher's thread.
  std::function<void()> on_over;
};

// Brings attempts to their ends beside training: a thread of its own uploads adapters and tells the coordinator how
// each attempt ended. The leases were added to the report stream; they are removed from it. Thread safe.
class TrialFinisher {
 public:
  // References outlive the finisher. `stop` is the worker's: after it, calls have `grace` left.
  TrialFinisher(TrialFinisherOptions options, CoordinatorClient& client, ReportStream& stream,
                CheckpointUploader& uploader, Clock& clock, std::stop_token stop);
  // Waits until everything is said.
  ~TrialFinisher();

  // What the trainer says of the attempt, whose files lie in its folder. True: it was reported to its end, and what is
  // left is its adapter's way to the coordinator, which keeps no other trial from its place.
  bool End(LeasedTrial trial, trainer::Outcome outcome);
  void Fail(v1::Lease lease, v1::FailTrialRequest::Kind kind, std::string reason);
  // Queued again for any worker, from its last checkpoint.
  void HandBack(v1::Lease lease, std::string reason = "the worker is stopping");
  // The coordinator said that the lease is not ours any more: it is dropped without a word.
  void Drop(v1::Lease lease);

 private:
  struct Work {
    std::function<void()> what;
    bool holds_room = true;  // until it is done
  };

  void Add(Work work);
  void Loop(const std::stop_token& stop);
  void Conclude(const LeasedTrial& trial, const trainer::Outcome& outcome);
  void Complete(const LeasedTrial& trial, const trainer::Outcome& outcome);
  absl::StatusOr<v1::Artifact> UploadAdapter(const LeasedTrial& trial, std::int64_t step);
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
