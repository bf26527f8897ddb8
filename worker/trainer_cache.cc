#include "worker/trainer_cache.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"
#include "trainer_core/text/base_files.h"

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

// The same of a model. Which of its files count cannot be told of one that cannot be loaded either.
std::string ModelStamp(const std::filesystem::path& folder) {
  std::string stamp = folder.string();
  const absl::StatusOr<std::vector<std::filesystem::path>> files = text::BaseFiles(folder);
  if (!files.ok()) return stamp;
  for (const std::filesystem::path& file : *files) absl::StrAppend(&stamp, "\n", Stamp(file));
  return stamp;
}

}  // namespace

absl::StatusOr<trainer::Trainer*> TrainerCache::Get(const TrialSetup& setup) {
  const absl::StatusOr<std::filesystem::path> folder = factory_.ResolveModel(setup.model);
  if (!folder.ok()) {
    base_ = folder.status();
    return folder.status();
  }
  const std::string base = ModelStamp(*folder);
  base_ = base;
  std::string key = absl::StrCat(setup.key, "\n", base);
  for (const std::string& file : setup.data_files) absl::StrAppend(&key, "\n", Stamp(file));
  if (options_.hash_bases && !hashes_.contains(base)) {
    hashes_[base] = std::async(std::launch::async, [this, folder = *folder] { return factory_.BaseSha256(folder); });
  }

  for (auto resident = residents_.begin(); resident != residents_.end(); ++resident) {
    if (resident->key != key) continue;
    residents_.splice(residents_.begin(), residents_, resident);
    return resident->trainer.get();
  }
  while (residents_.size() >= options_.capacity) residents_.pop_back();

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

absl::StatusOr<std::string> TrainerCache::base_sha256() {
  if (!base_.ok()) return base_.status();
  const auto hash = hashes_.find(*base_);
  absl::StatusOr<std::string> sha256 = hash->second.get();
  if (!sha256.ok()) hashes_.erase(hash);  // the next Get has it tried again
  return sha256;
}

}  // namespace lorasweep::worker
