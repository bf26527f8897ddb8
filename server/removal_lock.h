#pragma once

#include <filesystem>
#include <optional>

#include "absl/status/statusor.h"

namespace lorasweep::server {

// A lock between processes on the artifacts of a state folder: many may keep them, such as backups, or one may remove
// some. Movable; let go of when it ends, or its process.
class RemovalLock {
 public:
  // While it lives, nobody who asks MayRemove removes a file. Waits for one who does. Unavailable: no such folder.
  static absl::StatusOr<RemovalLock> Keep(const std::filesystem::path& folder);
  // To remove files under; nullopt: someone keeps them now.
  static std::optional<RemovalLock> MayRemove(const std::filesystem::path& folder);

  RemovalLock(RemovalLock&& other) noexcept;
  RemovalLock& operator=(RemovalLock&&) = delete;
  ~RemovalLock();

 private:
  explicit RemovalLock(const std::filesystem::path& folder);

  int file_;  // -1 when moved from, or not there
};

}  // namespace lorasweep::server
