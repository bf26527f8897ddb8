#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lorasweep::text {

// A folder that appears whole or not at all: filled beside its place under another name, then renamed. Removed unless
// it was moved into place.
class StagingFolder {
 public:
  // AlreadyExists: `final_folder` exists and is not an empty folder. PermissionDenied: its parent cannot be written.
  static absl::StatusOr<StagingFolder> Create(const std::filesystem::path& final_folder);

  StagingFolder(StagingFolder&& other) noexcept;
  StagingFolder& operator=(StagingFolder&&) = delete;
  ~StagingFolder();

  const std::filesystem::path& path() const { return folder_; }
  // At most once, last.
  absl::Status MoveIntoPlace();

 private:
  StagingFolder(std::filesystem::path folder, std::filesystem::path target)
      : folder_(std::move(folder)), target_(std::move(target)) {}

  std::filesystem::path folder_;  // empty: moved
  std::filesystem::path target_;
};

}  // namespace lorasweep::text
