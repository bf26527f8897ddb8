#include "worker/work_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace lorasweep::worker {
namespace {

constexpr char kPrefix[] = "lorasweep-worker-";
constexpr char kLockFile[] = "in-use";
constexpr int kTries = 20;

// The lock file's descriptor; -1 when it cannot be locked.
int Lock(const std::filesystem::path& folder, int flags) {
  const int descriptor = open((folder / kLockFile).c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor < 0) return -1;
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  close(descriptor);
  return -1;
}

void RemoveAbandoned(const std::filesystem::path& parent) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(kPrefix)) continue;
    // A folder without a lock file is one that is being made.
    const int lock = Lock(entry->path(), O_RDWR);
    if (lock < 0) continue;
    std::error_code ignored;
    std::filesystem::remove_all(entry->path(), ignored);
    close(lock);
  }
}

}  // namespace

absl::StatusOr<WorkFolder> WorkFolder::Make(const std::filesystem::path& parent) {
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  RemoveAbandoned(parent);
  for (int tries = 0; tries < kTries; ++tries) {
    std::string pattern = (parent / absl::StrCat(kPrefix, "XXXXXX")).string();
    if (mkdtemp(pattern.data()) == nullptr) break;
    // Another worker that tidies up may come between the making of the lock file and its locking.
    if (const int lock = Lock(pattern, O_RDWR | O_CREAT); lock >= 0) return WorkFolder(pattern, lock);
  }
  return absl::InternalError(absl::StrCat("cannot make a folder in ", parent.string(), ": ", std::strerror(errno)));
}

void WorkFolder::Touch() const {
  if (lock_ >= 0) futimens(lock_, nullptr);
}

WorkFolder::~WorkFolder() {
  if (lock_ < 0) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  close(lock_);
}

}  // namespace lorasweep::worker
