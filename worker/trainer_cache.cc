#include "worker/trainer_cache.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace lorasweep::worker {
namespace {

// What tells one state of a file from the next without reading it.
std::string Stamp(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return absl::StrCat(file.string(), " missing");
  const auto time = std::filesystem::last_write_time(file, error);
  return absl::StrCat(file.string(), " ", size, " ", time.time_since_epoch().count());
}

}  // namespace

absl::StatusOr<trainer::Trainer*> TrainerCache::Get(const TrialSetup& setup) {
  const absl::StatusOr<std::filesystem::path> folder = factory_.ResolveModel(setup.model);
  if (!folder.ok()) return folder.status();
  std::string key = absl::StrCat(setup.key, "\n", folder->string(), "\n", Stamp(*folder / "model.safetensors"));
  for (const std::string& file : setup.data_files) absl::StrAppend(&key, "\n", Stamp(file));

  for (auto resident = residents_.begin(); resident != residents_.end(); ++resident) {
    if (resident->key != key) continue;
    residents_.splice(residents_.begin(), residents_, resident);
    return resident->trainer.get();
  }
  while (residents_.size() >= capacity_) residents_.pop_back();

  spdlog::info("loading {}", folder->string());
  absl::StatusOr<std::shared_ptr<const text::TokenizedData>> data =
      factory_.PrepareData(setup.data, setup.seed, *folder);
  if (!data.ok()) return data.status();
  absl::StatusOr<std::unique_ptr<trainer::Trainer>> trainer = factory_.MakeTrainer(*folder, setup.options, *data);
  if (absl::IsResourceExhausted(trainer.status()) && !residents_.empty()) {
    residents_.clear();
    trainer = factory_.MakeTrainer(*folder, setup.options, *data);
  }
  if (!trainer.ok()) return trainer.status();
  spdlog::info("ready: {}, {} training and {} validation rows", (*trainer)->description(), (*data)->train.size(),
               (*data)->validation.size());
  residents_.push_front({.key = std::move(key), .data = *std::move(data), .trainer = *std::move(trainer)});
  return residents_.front().trainer.get();
}

}  // namespace lorasweep::worker
