#include "worker/leased_trial.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace lorasweep::worker {
namespace {

absl::Status ReadSettings(LeasedTrial& trial) {
  absl::StatusOr<trainer::TrainConfig> config = ConfigFromLease(trial.lease);
  if (!config.ok()) return config.status();
  absl::StatusOr<TrialSetup> setup = SetupFromLease(trial.lease);
  if (!setup.ok()) return setup.status();
  trial.setup = *std::move(setup);
  trial.job.name = trial.lease.trial();
  trial.job.config = *std::move(config);
  trial.job.data_seed = static_cast<std::uint64_t>(trial.lease.spec().seed());
  trial.job.seed = trial.lease.seed();
  trial.job.base_model_name = trial.lease.spec().model();
  return absl::OkStatus();
}

absl::Status FetchCheckpoint(LeasedTrial& trial, CoordinatorClient& client, const std::stop_token& stop) {
  std::error_code error;
  std::filesystem::create_directories(trial.job.output_folder, error);
  if (error) {
    return absl::InternalError(absl::StrCat("cannot make ", trial.job.output_folder.string(), ": ", error.message()));
  }
  if (!trial.lease.has_checkpoint() || trial.lease.checkpoint().files().empty()) return absl::OkStatus();
  const std::filesystem::path file = trial.job.output_folder / "resume.safetensors";
  const absl::Status status = client.Download(trial.lease.checkpoint().files(0), file, {.stop = stop});
  if (absl::IsNotFound(status) || absl::IsDataLoss(status)) {
    // Training is repeatable: from the beginning it comes to the same numbers, only later.
    spdlog::warn("{}: its checkpoint is {}; beginning at the beginning", trial.lease.trial(),
                 absl::IsNotFound(status) ? "gone" : "damaged");
    return absl::OkStatus();
  }
  if (status.ok()) trial.job.checkpoint = file;
  return status;
}

// The adapter to begin with, as a folder that training.adapter could name.
absl::Status FetchAdapter(LeasedTrial& trial, CoordinatorClient& client, const std::stop_token& stop) {
  if (!trial.lease.has_adapter()) return absl::OkStatus();
  const std::filesystem::path folder = trial.job.output_folder / "start";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::InternalError(absl::StrCat("cannot make ", folder.string(), ": ", error.message()));
  for (const v1::ArtifactFile& file : trial.lease.adapter().files()) {
    const std::filesystem::path name = file.path();
    if (!name.has_filename() || name != name.filename()) {
      return absl::InvalidArgumentError(absl::StrCat("\"", file.path(), "\" of the adapter is no file name"));
    }
    if (absl::Status status = client.Download(file, folder / name, {.stop = stop}); !status.ok()) return status;
  }
  trial.job.config.adapter = folder.string();
  return absl::OkStatus();
}

}  // namespace

std::filesystem::path AttemptFolder(const std::filesystem::path& work_folder, std::int64_t token) {
  return work_folder / absl::StrCat("attempt-", token);
}

LeasedTrial PrepareTrial(v1::Lease lease, const std::filesystem::path& work_folder, const PathFence& fence,
                         CoordinatorClient& client, const std::stop_token& stop) {
  LeasedTrial trial;
  trial.lease = std::move(lease);
  trial.job.output_folder = AttemptFolder(work_folder, trial.lease.token());
  // Its files go to the coordinator, which keeps them; a worker that ends begins with an empty folder.
  trial.job.durability = text::Durability::kVisible;
  trial.problem = fence.Admit(trial.lease.mutable_spec());
  if (trial.problem.ok()) trial.problem = ReadSettings(trial);
  if (trial.problem.ok()) trial.problem = FetchCheckpoint(trial, client, stop);
  if (trial.problem.ok()) trial.problem = FetchAdapter(trial, client, stop);
  return trial;
}

}  // namespace lorasweep::worker
