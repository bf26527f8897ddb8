#pragma once

#include <filesystem>
#include <utility>

#include "absl/status/statusor.h"

namespace lorasweep::worker {

// A new folder for a worker's files, locked while it is in use and removed with everything in it at the end. What
// workers that were killed left behind in the same place is removed too.
class WorkFolder {
 public:
  // In `parent`, which is made when missing. Internal: it cannot be written.
  static absl::StatusOr<WorkFolder> Make(const std::filesystem::path& parent);

  ~WorkFolder();
  WorkFolder(WorkFolder&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)) {}
  WorkFolder& operator=(WorkFolder&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Sets the time of its file `in-use` to now: a sign of life for whoever watches the worker. Thread safe.
  void Touch() const;

 private:
  WorkFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_ = -1;  // open file descriptor of the folder's lock file
};

}  // namespace lorasweep::worker
