#pragma once

#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/status/statusor.h"

namespace lorasweep::worker {

// Keeps other processes out of a folder for as long as it lives, or this process does.
class FolderLock {
 public:
  // Waits up to `patience` while another process holds it. FailedPrecondition: it still does. Internal: the folder
  // cannot be written.
  static absl::StatusOr<FolderLock> Take(const std::filesystem::path& folder, std::chrono::seconds patience);

  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;

 private:
  explicit FolderLock(int file) : file_(file) {}

  int file_;  // open file descriptor of the lock file
};

}  // namespace lorasweep::worker
