#include "server/removal_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::server {

RemovalLock::RemovalLock(const std::filesystem::path& folder)
    : file_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

RemovalLock::RemovalLock(RemovalLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

RemovalLock::~RemovalLock() {
  if (file_ >= 0) close(file_);
}

absl::StatusOr<RemovalLock> RemovalLock::Keep(const std::filesystem::path& folder) {
  RemovalLock lock(folder);
  while (lock.file_ >= 0) {
    if (flock(lock.file_, LOCK_SH) == 0) return lock;
    if (errno != EINTR) break;
  }
  return absl::UnavailableError(absl::StrCat(folder.string(), ": ", std::strerror(errno)));
}

std::optional<RemovalLock> RemovalLock::MayRemove(const std::filesystem::path& folder) {
  RemovalLock lock(folder);
  if (lock.file_ < 0 || flock(lock.file_, LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  return lock;
}

}  // namespace lorasweep::server
