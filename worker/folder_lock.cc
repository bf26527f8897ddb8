#include "worker/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace lorasweep::worker {

absl::StatusOr<FolderLock> FolderLock::Take(const std::filesystem::path& folder, std::chrono::seconds patience) {
  const std::string path = (folder / ".lock").string();
  FolderLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.file_ < 0) return absl::InternalError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (bool told = false; flock(lock.file_, LOCK_EX | LOCK_NB) != 0; told = true) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::FailedPreconditionError(absl::StrCat("another process is at work in ", folder.string()));
    }
    if (!told) spdlog::info("waiting for the process that is at work in {}", folder.string());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return lock;
}

FolderLock::~FolderLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace lorasweep::worker
