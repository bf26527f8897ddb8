#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "trainer_core/chat/data_cache.h"
#include "trainer_core/text/model_path.h"
#include "worker/path_fence.h"
#include "worker/trainer_factory.h"

namespace lorasweep::worker {

struct BuiltinTrainerOptions {
  std::string device = "auto";  // "auto", "cpu", "cuda:N"
  int threads = 0;              // CPU threads; 0: all cores
  text::ModelRoots roots;
  PathFence fence;                            // around models
  chat::DataCache data_cache{""};             // tokenised data on disk
  std::function<void(std::string_view)> log;  // one line at a time; may be empty
};

// The trainer of this project, on this machine's CPU or one of its GPUs.
class BuiltinTrainerFactory final : public TrainerFactory {
 public:
  explicit BuiltinTrainerFactory(BuiltinTrainerOptions options);

  absl::StatusOr<std::string> Device() override;
  absl::StatusOr<std::filesystem::path> ResolveModel(const std::string& model) override;
  absl::StatusOr<std::string> BaseSha256(const std::filesystem::path& model_folder) override;
  absl::StatusOr<std::shared_ptr<const text::TokenizedData>> PrepareData(
      const v1::DataSpec& data, std::uint64_t seed, const std::filesystem::path& model_folder) override;
  absl::StatusOr<std::unique_ptr<trainer::Trainer>> MakeTrainer(
      const std::filesystem::path& model_folder, const trainer::TrainerOptions& options,
      std::shared_ptr<const text::TokenizedData> data) override;

 private:
  const BuiltinTrainerOptions options_;
};

}  // namespace lorasweep::worker
