#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace lorasweep::server {

// The folder of `--state`, held by one server at a time through an exclusive lock on its file `lock`, which the
// kernel drops when the process dies. Movable.
class StateFolder {
 public:
  // Makes the folder when it is missing and locks it.
  // Errors: FailedPrecondition names the process that holds it; InvalidArgument when it cannot be made or written.
  static absl::StatusOr<StateFolder> Open(const std::filesystem::path& path);

  StateFolder(StateFolder&& other) noexcept;
  StateFolder& operator=(StateFolder&&) = delete;
  ~StateFolder();

  // A text that no other state folder has, made at the first call and kept in its file `identity`. Not in its backups.
  absl::StatusOr<std::string> Identity() const { return IdentityOf(path_); }
  static absl::StatusOr<std::string> IdentityOf(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path database() const { return path_ / "lorasweep.db"; }
  std::filesystem::path artifacts() const { return path_ / "artifacts"; }
  std::filesystem::path audit_log() const { return path_ / "audit.log"; }

 private:
  StateFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_;  // file descriptor, -1 when moved from
};

}  // namespace lorasweep::server
