#pragma once

#include <filesystem>
#include <stop_token>

#include "absl/status/status.h"
#include "lorasweep/v1/worker_service.pb.h"
#include "trainer_core/trainer/trainer.h"
#include "worker/coordinator_client.h"
#include "worker/path_fence.h"
#include "worker/trial_setup.h"

namespace lorasweep::worker {

// A lease, as the trainer takes it.
struct LeasedTrial {
  v1::Lease lease;
  TrialSetup setup;
  trainer::TrialJob job;
  absl::Status problem;  // not OK: it cannot be trained, and setup and job are not complete
};

// Where an attempt's files are, below the worker's folder.
std::filesystem::path AttemptFolder(const std::filesystem::path& work_folder, std::int64_t token);

// Reads the lease's settings, makes its folder, and fetches the checkpoint and the adapter that it goes on from, if
// any. What the spec names outside of the fence is the trial's problem.
LeasedTrial PrepareTrial(v1::Lease lease, const std::filesystem::path& work_folder, const PathFence& fence,
                         CoordinatorClient& client, const std::stop_token& stop);

}  // namespace lorasweep::worker
