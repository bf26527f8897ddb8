#include "server/local_objects.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sha256.h"

namespace lorasweep::server {
namespace {

namespace fs = std::filesystem;

// No fault of whoever asks, and it may pass: a full disk, too.
absl::Status FileError(const fs::path& path, int error) {
  return absl::UnavailableError(absl::StrCat(path.string(), ": ", std::strerror(error)));
}

class File {
 public:
  File(const fs::path& path, int flags) : path_(path), file_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (file_ >= 0) close(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return file_ >= 0; }
  absl::Status Write(std::string_view data) const {
    while (!data.empty()) {
      const ssize_t done = write(file_, data.data(), data.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return FileError(path_, errno);
      data.remove_prefix(static_cast<std::size_t>(done));
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> Read(std::int64_t offset, std::int64_t size) const {
    std::string data(static_cast<std::size_t>(size), '\0');
    std::size_t filled = 0;
    while (filled < data.size()) {
      const ssize_t done =
          pread(file_, data.data() + filled, data.size() - filled, offset + static_cast<std::int64_t>(filled));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return FileError(path_, errno);
      if (done == 0) break;
      filled += static_cast<std::size_t>(done);
    }
    data.resize(filled);
    return data;
  }
  absl::Status Sync() const { return fsync(file_) == 0 ? absl::OkStatus() : FileError(path_, errno); }

 private:
  const fs::path path_;
  const int file_;
};

// A rename is durable once its folder is on disk.
absl::Status SyncFolder(const fs::path& path) {
  const File folder(path, O_RDONLY | O_DIRECTORY);
  return folder.is_open() ? folder.Sync() : FileError(path, errno);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalObjects>> LocalObjects::Open(const fs::path& folder) {
  auto objects = std::make_unique<LocalObjects>(folder);
  std::error_code error;
  fs::create_directories(objects->Incoming(), error);
  if (!error) return objects;
  return absl::InvalidArgumentError(
      absl::StrCat("cannot make the folder ", objects->Incoming().string(), ": ", error.message()));
}

absl::Status LocalObjects::Put(const std::string& sha256, std::string_view content) {
  const fs::path place = PathOf(sha256);
  std::error_code error;
  fs::create_directories(place.parent_path(), error);
  if (error) return FileError(place.parent_path(), error.value());
  const fs::path temporary = Incoming() / absl::StrCat(writes_.fetch_add(1));
  absl::Status written;
  {
    const File file(temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.is_open()) return FileError(temporary, errno);
    written = file.Write(content);
    if (written.ok()) written = file.Sync();
  }
  if (written.ok() && rename(temporary.c_str(), place.c_str()) != 0) written = FileError(place, errno);
  if (!written.ok()) {
    unlink(temporary.c_str());
    return written;
  }
  // The folders may be new: they and the folders they are in must be on disk too.
  for (const fs::path& folder : {place.parent_path(), place.parent_path().parent_path(), folder_}) {
    if (absl::Status synced = SyncFolder(folder); !synced.ok()) return synced;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> LocalObjects::Get(const std::string& sha256, std::int64_t offset, std::int64_t size) const {
  const File file(PathOf(sha256), O_RDONLY);
  if (!file.is_open()) return errno == ENOENT ? NoSuchObject(sha256) : FileError(PathOf(sha256), errno);
  return file.Read(offset, size);
}

absl::Status LocalObjects::Remove(const std::string& sha256) {
  if (unlink(PathOf(sha256).c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return FileError(PathOf(sha256), errno);
}

absl::StatusOr<std::vector<ObjectStore::Object>> LocalObjects::List() const {
  std::vector<Object> found;
  std::error_code error;
  for (fs::recursive_directory_iterator file(folder_, error), end; !error && file != end; file.increment(error)) {
    std::string name = file->path().filename().string();
    if (!IsSha256(name)) continue;
    const auto size = static_cast<std::int64_t>(file->file_size(error));
    if (!error) found.push_back({.sha256 = std::move(name), .size = size});
  }
  if (error) return FileError(folder_, error.value());
  return found;
}

absl::Status LocalObjects::RemoveBroken() {
  std::error_code error;
  fs::remove_all(Incoming(), error);
  if (!error) fs::create_directory(Incoming(), error);
  return error ? FileError(Incoming(), error.value()) : absl::OkStatus();
}

fs::path LocalObjects::PathOf(const std::string& sha256) const {
  return folder_ / sha256.substr(0, 2) / sha256.substr(2, 2) / sha256;
}

}  // namespace lorasweep::server
