#include "server/state_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lorasweep::server {
namespace {

// What the holder wrote about itself, for the other's error message.
std::string ReadHolder(int lock) {
  char text[256];
  const ssize_t size = pread(lock, text, sizeof(text), 0);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "another process";
}

void WriteHolder(int lock) {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  const std::string text = absl::StrCat("process ", getpid(), " on ", host);
  // Only a courtesy: the lock holds without it.
  if (ftruncate(lock, 0) != 0 || pwrite(lock, text.data(), text.size(), 0) < 0) return;
}

}  // namespace

absl::StatusOr<StateFolder> StateFolder::Open(const std::filesystem::path& path) {
  if (path.empty()) return absl::InvalidArgumentError("the state folder's path is empty");
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot make the state folder ", path.string(), ": ", error.message()));
  }
  const std::string file = (path / "lock").string();
  const int lock = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot write to the state folder ", path.string(), ": ", std::strerror(errno)));
  }
  StateFolder folder(path, lock);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return absl::FailedPreconditionError(absl::StrCat("the state folder ", path.string(), " is in use by ",
                                                        ReadHolder(lock),
                                                        "; stop that server or choose another folder with --state"));
    }
    return absl::InvalidArgumentError(absl::StrCat("cannot lock ", file, ": ", std::strerror(errno)));
  }
  WriteHolder(lock);
  return folder;
}

absl::StatusOr<std::string> StateFolder::IdentityOf(const std::filesystem::path& path) {
  const std::filesystem::path file = path / "identity";
  std::string identity;
  if (std::ifstream in(file); in >> identity && !identity.empty()) return identity;
  std::random_device random;
  identity = absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(), random());
  std::ofstream out(file);
  out << identity << std::endl;
  if (!out) return absl::InvalidArgumentError(absl::StrCat("cannot write ", file.string()));
  return identity;
}

StateFolder::StateFolder(StateFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StateFolder::~StateFolder() {
  if (lock_ >= 0) close(lock_);
}

}  // namespace lorasweep::server
