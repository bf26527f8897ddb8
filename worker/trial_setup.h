#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lorasweep/v1/worker_service.pb.h"
#include "trainer_core/trainer/train_config.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::worker {

// What trials must have in common to be trained by one resident trainer: base model, data and its compute type.
struct TrialSetup {
  std::string model;  // as the sweep file names it
  v1::DataSpec data;
  std::uint64_t seed = 0;               // of the sweep: which rows validate
  trainer::TrainerOptions options;      // all but the device, its threads and the log, which are the worker's
  std::vector<std::string> data_files;  // all that `data` names
  std::string key;                      // proto::PackKey: equal keys, equal setups
};

// A lease's sweep, with the trial's parameters in it, as the trainer takes it. Pure. eval_every and save_every are
// steps at the sweep's own batch size; they are scaled to the trial's as its max_steps was.
// InvalidArgument names the setting, its value and what is allowed.
absl::StatusOr<trainer::TrainConfig> ConfigFromLease(const v1::Lease& lease);
absl::StatusOr<TrialSetup> SetupFromLease(const v1::Lease& lease);
// The largest lora_rank among the sweep's choices or below its bound; 0 where it does not search one.
std::int64_t LargestRank(const v1::SweepSpec& spec);

}  // namespace lorasweep::worker
