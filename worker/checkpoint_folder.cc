#include "worker/checkpoint_folder.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::worker {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "checkpoint-";
constexpr char kPart[] = ".checkpoint.part";
constexpr char kFile[] = "checkpoint.safetensors";

absl::Status Failed(const fs::path& path, const std::error_code& error) {
  return absl::InternalError(absl::StrCat("cannot write ", path.string(), ": ", error.message()));
}

}  // namespace

fs::path CheckpointFolder::PathOf(std::int64_t step) const {
  return folder_ / absl::StrCat(std::string{kPrefix}, step);
}

std::vector<std::int64_t> CheckpointFolder::Steps() const {
  std::vector<std::int64_t> steps;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::int64_t step = 0;
    if (name.starts_with(kPrefix) && absl::SimpleAtoi(name.substr(kPrefix.size()), &step) && step >= 0 &&
        fs::exists(entry->path() / kFile, error)) {
      steps.push_back(step);
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

void CheckpointFolder::RemoveLeftovers() const {
  std::error_code ignored;
  fs::remove_all(folder_ / kPart, ignored);
  fs::remove(folder_ / kFile, ignored);
}

absl::StatusOr<fs::path> CheckpointFolder::Add(std::int64_t step, const fs::path& file,
                                               std::optional<std::int64_t> best,
                                               const std::function<absl::Status(const fs::path&)>& complete) {
  const fs::path part = folder_ / kPart;
  const fs::path target = PathOf(step);
  std::error_code error;
  fs::remove_all(part, error);
  fs::create_directories(part, error);
  if (!error) fs::rename(file, part / kFile, error);
  if (error) return Failed(part, error);
  if (absl::Status status = complete(part / kFile); !status.ok()) return status;
  // A rename does not replace a folder with something in it.
  fs::remove_all(target, error);
  if (!error) fs::rename(part, target, error);
  if (error) return Failed(target, error);
  Rotate(best);
  return target;
}

// As rotate_checkpoints of transformers/trainer_utils.py.
void CheckpointFolder::Rotate(std::optional<std::int64_t> best) const {
  const std::vector<std::int64_t> steps = Steps();
  if (limit_ <= 0 || static_cast<std::int64_t>(steps.size()) <= limit_) return;
  std::set<std::int64_t> kept = {steps.back()};
  if (best) kept.insert(*best);
  const std::int64_t keep = std::max(limit_, static_cast<std::int64_t>(kept.size()));
  auto remaining = static_cast<std::int64_t>(steps.size());
  for (const std::int64_t step : steps) {
    if (remaining <= keep) break;
    if (kept.contains(step)) continue;
    std::error_code ignored;
    fs::remove_all(PathOf(step), ignored);
    --remaining;
  }
}

absl::StatusOr<fs::path> FindCheckpoint(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return path;
  if (fs::is_regular_file(path / kFile, error)) return path / kFile;
  const CheckpointFolder folder(path, 0);
  const std::vector<std::int64_t> steps = folder.Steps();
  if (!steps.empty()) return folder.PathOf(steps.back()) / kFile;
  return absl::NotFoundError(absl::StrCat("no checkpoint at ", path.string(), ": neither a file, nor a folder with ",
                                          kFile, ", nor one with folders checkpoint-N"));
}

}  // namespace lorasweep::worker
