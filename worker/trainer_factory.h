#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"
#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::worker {

// Where the worker gets models, data and trainers from. One implementation trains (builtin_trainer.h); tests bring
// another that needs no model. Called by one thread, but for BaseSha256.
class TrainerFactory {
 public:
  virtual ~TrainerFactory() = default;
  // What it trains on, as shown to people: "cpu", "cuda:0". InvalidArgument: there is no such device.
  virtual absl::StatusOr<std::string> Device() = 0;
  // The folder of a model that a sweep names: a folder itself, or a name in a cache. NotFound says where it looked.
  virtual absl::StatusOr<std::filesystem::path> ResolveModel(const std::string& model) = 0;
  // What tells the model in a folder from others of its name, as text::BaseSha256 with its errors; may take seconds.
  // Empty: not known, and not compared. Any thread, also while others of these run.
  virtual absl::StatusOr<std::string> BaseSha256(const std::filesystem::path& model_folder) = 0;
  // Reads, renders and tokenises; `seed` is the sweep's. InvalidArgument and NotFound name the file and line.
  virtual absl::StatusOr<std::shared_ptr<const text::TokenizedData>> PrepareData(
      const v1::DataSpec& data, std::uint64_t seed, const std::filesystem::path& model_folder) = 0;
  // Loads the model. Of the options, device, threads and log are its own. Errors as trainer::MakeTrainer.
  virtual absl::StatusOr<std::unique_ptr<trainer::Trainer>> MakeTrainer(
      const std::filesystem::path& model_folder, const trainer::TrainerOptions& options,
      std::shared_ptr<const text::TokenizedData> data) = 0;
};

}  // namespace lorasweep::worker
