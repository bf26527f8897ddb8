#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "lorasweep/v1/worker_service.pb.h"
#include "trainer_core/trainer/trainer.h"
#include "worker/checkpoint_uploader.h"
#include "worker/clock.h"
#include "worker/coordinator_client.h"
#include "worker/report_stream.h"
#include "worker/trainer_cache.h"
#include "worker/trial_setup.h"

namespace lorasweep::worker {

struct PackRunnerOptions {
  std::filesystem::path work_folder;  // exists; a folder for each trial is made in it and removed again
  // At an evaluation, training waits so long for the verdict, so that a bad trial stops at its rung.
  std::chrono::milliseconds verdict_wait{5000};
  // After `stop`: so long the last checkpoint and the last word may take.
  std::chrono::milliseconds grace{10'000};
};

// Takes leases to their ends: prepares, trains, uploads, and tells the coordinator how each attempt ended. Leases that
// share a setup are trained as one pack; a pack that does not fit is halved before a trial is blamed. Not thread safe.
class PackRunner {
 public:
  // All references outlive the runner.
  PackRunner(PackRunnerOptions options, CoordinatorClient& client, ReportStream& stream, CheckpointUploader& uploader,
             TrainerCache& trainers, Clock& clock);

  // Blocks until every lease has ended. The leases were added to the report stream; they are removed from it. `stop`
  // ends training after its current step and hands the leases back with a checkpoint each.
  void Run(const std::vector<v1::Lease>& leases, const std::stop_token& stop);

 private:
  // One lease on its way through.
  struct Slot {
    v1::Lease lease;
    TrialSetup setup;
    trainer::TrialJob job;
  };

  absl::StatusOr<Slot> Prepare(const v1::Lease& lease) const;
  void RunGroup(const std::vector<Slot>& slots, const std::stop_token& stop);
  void Train(trainer::Trainer& trainer, const std::vector<Slot>& slots, const std::stop_token& stop);
  // Fetches the checkpoint that the slot goes on from, if any.
  absl::Status FetchCheckpoint(Slot& slot, const std::stop_token& stop);
  void End(const Slot& slot, const trainer::Outcome& outcome, const std::stop_token& stop);
  void Complete(const Slot& slot, const trainer::Outcome& outcome, const std::stop_token& stop);
  absl::StatusOr<v1::Artifact> UploadAdapter(const Slot& slot, std::int64_t step, const Patience& patience);
  void Fail(const v1::Lease& lease, v1::FailTrialRequest::Kind kind, const std::string& reason,
            const std::stop_token& stop);
  void HandBack(const v1::Lease& lease, const std::stop_token& stop);
  // The coordinator said that the lease is not ours any more: it is dropped without a word.
  bool Abandoned(std::int64_t token) const;
  // Forgets the lease and removes its files.
  void Leave(const v1::Lease& lease);
  std::filesystem::path Folder(const v1::Lease& lease) const;

  const PackRunnerOptions options_;
  CoordinatorClient& client_;
  ReportStream& stream_;
  CheckpointUploader& uploader_;
  TrainerCache& trainers_;
  Clock& clock_;
};

}  // namespace lorasweep::worker
