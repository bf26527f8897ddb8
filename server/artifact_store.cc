#include "server/artifact_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::server {
namespace {

// No fault of whoever asks, and it may pass: a full disk, too.
absl::Status FileError(const std::filesystem::path& path, int error) {
  return absl::UnavailableError(absl::StrCat(path.string(), ": ", std::strerror(error)));
}

// A rename is durable once its folder is on disk.
absl::Status SyncFolder(const std::filesystem::path& folder) {
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return FileError(folder, errno);
  const int result = fsync(file);
  const int error = errno;
  close(file);
  return result == 0 ? absl::OkStatus() : FileError(folder, error);
}

absl::Status MakeFolder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("cannot make the folder ", folder.string(), ": ", error.message()));
}

absl::Status NotThere(const std::string& sha256) {
  return absl::NotFoundError(absl::StrCat("there is no file with the SHA-256 ", sha256));
}

absl::Status CheckSha256(const std::string& sha256) {
  if (IsSha256(sha256)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("sha256 is \"", sha256.substr(0, 100), "\"; it must be 64 lower-case hex digits"));
}

}  // namespace

ArtifactStore::Upload::Upload(ArtifactStore& store, std::string sha256, std::int64_t size)
    : store_(store), sha256_(std::move(sha256)), size_(size) {}

ArtifactStore::Upload::~Upload() {
  if (file_ < 0) return;
  store_.bytes_ -= size_;
  close(file_);
  unlink(temporary_.c_str());
}

absl::Status ArtifactStore::Upload::Append(std::string_view data) {
  if (static_cast<std::int64_t>(data.size()) > size_ - written_) {
    return absl::InvalidArgumentError(absl::StrCat("more data than the announced ", size_, " bytes"));
  }
  hash_.Update(data);
  written_ += static_cast<std::int64_t>(data.size());
  while (!data.empty()) {
    const ssize_t done = write(file_, data.data(), data.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return FileError(temporary_, errno);
    data.remove_prefix(static_cast<std::size_t>(done));
  }
  return absl::OkStatus();
}

absl::Status ArtifactStore::Upload::Commit() {
  if (written_ != size_) {
    return absl::InvalidArgumentError(absl::StrCat("got ", written_, " bytes of the announced ", size_));
  }
  if (const std::string hex = hash_.Hex(); hex != sha256_) {
    return absl::InvalidArgumentError(absl::StrCat("the data has the SHA-256 ", hex, ", announced was ", sha256_));
  }
  const std::filesystem::path place = store_.PathOf(sha256_);
  if (absl::Status made = MakeFolder(place.parent_path()); !made.ok()) return made;
  if (fsync(file_) != 0) return FileError(temporary_, errno);
  const bool replaces = store_.Size(sha256_).ok();
  if (rename(temporary_.c_str(), place.c_str()) != 0) return FileError(place, errno);
  close(std::exchange(file_, -1));
  if (replaces) store_.bytes_ -= size_;
  // The folders may be new: they and the folders they are in must be on disk too.
  for (const auto& folder : {place.parent_path(), place.parent_path().parent_path(), store_.folder_}) {
    if (absl::Status synced = SyncFolder(folder); !synced.ok()) return synced;
  }
  return absl::OkStatus();
}

ArtifactStore::Download::~Download() {
  close(file_);
}

absl::StatusOr<std::string> ArtifactStore::Download::Next(std::size_t max_bytes) {
  std::string data(max_bytes, '\0');
  ssize_t size;
  do {
    size = read(file_, data.data(), data.size());
  } while (size < 0 && errno == EINTR);
  if (size < 0) return FileError("artifact", errno);
  data.resize(static_cast<std::size_t>(size));
  return data;
}

ArtifactStore::Lock::Lock(Lock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

ArtifactStore::Lock::~Lock() {
  if (file_ >= 0) close(file_);
}

absl::StatusOr<ArtifactStore::Lock> ArtifactStore::Keep() const {
  Lock lock(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  while (lock.file_ >= 0) {
    if (flock(lock.file_, LOCK_SH) == 0) return lock;
    if (errno != EINTR) break;
  }
  return FileError(folder_, errno);
}

std::optional<ArtifactStore::Lock> ArtifactStore::MayRemove() const {
  Lock lock(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.file_ < 0 || flock(lock.file_, LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  return lock;
}

absl::StatusOr<std::unique_ptr<ArtifactStore>> ArtifactStore::Open(const std::filesystem::path& folder,
                                                                   std::int64_t quota) {
  auto store = std::unique_ptr<ArtifactStore>(new ArtifactStore(folder, quota));
  std::error_code ignored;
  std::filesystem::remove_all(store->Incoming(), ignored);
  if (absl::Status made = MakeFolder(store->Incoming()); !made.ok()) return made;
  for (const std::string& sha256 : store->List()) store->bytes_ += store->Size(sha256).value_or(0);
  return store;
}

std::unique_ptr<const ArtifactStore> ArtifactStore::At(const std::filesystem::path& folder) {
  return std::unique_ptr<const ArtifactStore>(new ArtifactStore(folder, /*quota=*/0));
}

absl::StatusOr<std::unique_ptr<ArtifactStore::Upload>> ArtifactStore::Create(const std::string& sha256,
                                                                             std::int64_t size) {
  if (absl::Status status = CheckSha256(sha256); !status.ok()) return status;
  if (size < 0) return absl::InvalidArgumentError(absl::StrCat("size_bytes is ", size));
  if (size > kMaxBlobBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a file of ", size, " bytes is too large; at most ", kMaxBlobBytes, " are taken"));
  }
  if (const std::int64_t before = bytes_.fetch_add(size); quota_ > 0 && before + size > quota_) {
    bytes_ -= size;
    return absl::ResourceExhaustedError(absl::StrCat("the artifacts take ", before, " of ", quota_,
                                                     " bytes (--artifact-quota), and ", size,
                                                     " more are too many; delete sweeps, or raise the quota"));
  }
  auto upload = std::unique_ptr<Upload>(new Upload(*this, sha256, size));
  upload->temporary_ = Incoming() / absl::StrCat(uploads_.fetch_add(1));
  upload->file_ = open(upload->temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (upload->file_ < 0) {
    bytes_ -= size;
    return FileError(upload->temporary_, errno);
  }
  return upload;
}

absl::StatusOr<std::unique_ptr<ArtifactStore::Download>> ArtifactStore::Read(const std::string& sha256,
                                                                             std::int64_t offset) const {
  absl::StatusOr<std::int64_t> size = Size(sha256);
  if (!size.ok()) return size.status();
  if (offset < 0 || offset > *size) {
    return absl::InvalidArgumentError(absl::StrCat("offset is ", offset, "; the file has ", *size, " bytes"));
  }
  const int file = open(PathOf(sha256).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno == ENOENT ? NotThere(sha256) : FileError(PathOf(sha256), errno);
  auto download = std::unique_ptr<Download>(new Download(file));
  if (lseek(file, offset, SEEK_SET) < 0) return FileError(PathOf(sha256), errno);
  return download;
}

absl::StatusOr<std::int64_t> ArtifactStore::Size(const std::string& sha256) const {
  if (absl::Status status = CheckSha256(sha256); !status.ok()) return status;
  struct stat info;
  if (stat(PathOf(sha256).c_str(), &info) != 0) return NotThere(sha256);
  return static_cast<std::int64_t>(info.st_size);
}

void ArtifactStore::Remove(const std::string& sha256) {
  const absl::StatusOr<std::int64_t> size = Size(sha256);
  if (size.ok() && unlink(PathOf(sha256).c_str()) == 0) bytes_ -= *size;
}

std::vector<std::string> ArtifactStore::List() const {
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator file(folder_, error), end; !error && file != end;
       file.increment(error)) {
    const std::string name = file->path().filename().string();
    if (IsSha256(name)) found.push_back(name);
  }
  return found;
}

std::filesystem::path ArtifactStore::PathOf(const std::string& sha256) const {
  return folder_ / sha256.substr(0, 2) / sha256.substr(2, 2) / sha256;
}

}  // namespace lorasweep::server
