#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lorasweep::worker {

// The checkpoints of one training, as transformers lays them out: FOLDER/checkpoint-25/checkpoint.safetensors and so
// on. One thread.
class CheckpointFolder {
 public:
  // `limit`: how many are kept (transformers' save_total_limit); 0: all.
  CheckpointFolder(std::filesystem::path folder, std::int64_t limit) : folder_(std::move(folder)), limit_(limit) {}

  // Moves `file` in as the checkpoint of `step`, lets `complete` add what else belongs into its folder, and then
  // removes the oldest beyond the limit, but never the newest nor the one of step `best`. A checkpoint appears whole or
  // not at all. Its folder, or why it could not be written.
  absl::StatusOr<std::filesystem::path> Add(
      std::int64_t step, const std::filesystem::path& file, std::optional<std::int64_t> best,
      const std::function<absl::Status(const std::filesystem::path& checkpoint)>& complete);

  // Steps of the checkpoints there, ascending.
  std::vector<std::int64_t> Steps() const;
  std::filesystem::path PathOf(std::int64_t step) const;

  // What an attempt that was killed left half done.
  void RemoveLeftovers() const;

 private:
  void Rotate(std::optional<std::int64_t> best) const;

  const std::filesystem::path folder_;
  const std::int64_t limit_;
};

// The checkpoint.safetensors that a person means by a path: the file itself, a checkpoint's folder, or the folder of a
// training, of which the newest is taken. NotFound says what was looked for.
absl::StatusOr<std::filesystem::path> FindCheckpoint(const std::filesystem::path& path);

}  // namespace lorasweep::worker
