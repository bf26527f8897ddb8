#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "worker/trainer_factory.h"

// A trainer that needs no model: a smooth toy objective of the settings, instantly and the same every time, with
// per-sequence losses, checkpoints and adapter files to go on from. For tests of everything around the trainer.
namespace lorasweep::testing {

struct FakeTrainerOptions {
  std::chrono::milliseconds step_time{0};  // each optimizer step takes so long
  std::chrono::milliseconds load_time{0};  // as does the making of a trainer
  std::chrono::milliseconds save_time{0};  // and the writing of an adapter
  std::int64_t validation_sequences = 32;
  std::int64_t checkpoint_mebibytes = 0;  // which a checkpoint has more, other ones at each step
  std::int64_t pack = 1;                  // slots of its plan where none are asked for
  std::string base_sha256 = {};           // of all its models; empty: not known
};

// The toy's validation loss: best at learning_rate 1e-3 and lora_rank 16, falling with the sequences seen.
double ToyLoss(const trainer::TrainConfig& config, std::int64_t sequences);

// learning_rate >= 1 diverges after two steps; lora_rank >= 1000 is out of memory at once; target_modules containing
// "no_such_module" are refused with InvalidArgument.
class FakeTrainer final : public trainer::Trainer {
 public:
  explicit FakeTrainer(const FakeTrainerOptions& options) : options_(options) {}

  absl::StatusOr<std::vector<trainer::Outcome>> Run(const trainer::JobPack& pack, trainer::TrialObserver& observer,
                                                    std::stop_token stop) override;
  absl::StatusOr<text::PackPlan> PlanPack(const trainer::TrialJob& job, std::int64_t most,
                                          text::PackSize size) override;
  std::string description() const override { return "toy fp64"; }

 private:
  FakeTrainerOptions options_;
};

// Any model name is a model, but for those that begin with "missing"; no data file is read.
class FakeTrainerFactory final : public worker::TrainerFactory {
 public:
  explicit FakeTrainerFactory(const FakeTrainerOptions& options = {}) : options_(options) {}

  absl::StatusOr<std::string> Device() override { return std::string{"toy"}; }
  absl::StatusOr<std::filesystem::path> ResolveModel(const std::string& model) override;
  absl::StatusOr<std::string> BaseSha256(const std::filesystem::path& model_folder) override;
  absl::StatusOr<std::shared_ptr<const text::TokenizedData>> PrepareData(
      const v1::DataSpec& data, std::uint64_t seed, const std::filesystem::path& model_folder) override;
  absl::StatusOr<std::unique_ptr<trainer::Trainer>> MakeTrainer(
      const std::filesystem::path& model_folder, const trainer::TrainerOptions& options,
      std::shared_ptr<const text::TokenizedData> data) override;

  // Trainers made so far, and hashes asked for. Any thread.
  int loads() const { return loads_; }
  int hashes() const { return hashes_; }

 private:
  FakeTrainerOptions options_;
  std::atomic<int> loads_ = 0;
  std::atomic<int> hashes_ = 0;
};

}  // namespace lorasweep::testing
