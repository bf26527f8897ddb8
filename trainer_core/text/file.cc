#include "trainer_core/text/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::text {
namespace {

absl::Status SystemError(const std::string& what, const std::filesystem::path& file, int error) {
  const std::string message = absl::StrCat("cannot ", what, " ", file.string(), ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(message);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) return absl::ResourceExhaustedError(message);
  return absl::InternalError(message);
}

absl::StatusOr<std::string> ReadAll(int descriptor, const std::filesystem::path& file, std::size_t most) {
  struct stat info {};
  if (fstat(descriptor, &info) != 0) return SystemError("read", file, errno);
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(file.string(), " is not a file"));
  if (static_cast<std::uint64_t>(info.st_size) > most) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), " has ", info.st_size, " bytes; at most ", most, " are read"));
  }
  std::string content(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = read(descriptor, content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read", file, errno);
    if (count == 0) break;  // cut short meanwhile
    done += static_cast<std::size_t>(count);
  }
  content.resize(done);
  return content;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& file, std::size_t most) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("open", file, errno);
  absl::StatusOr<std::string> content = ReadAll(descriptor, file, most);
  close(descriptor);
  return content;
}

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::filesystem::path& file, Durability durability) {
  static std::atomic<unsigned> counter{0};
  // Names that a killed process left behind are passed over. No mkstemp: its files are private whatever the umask says.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const std::filesystem::path temporary = absl::StrCat(file.string(), ".", getpid(), "-", counter++, ".tmp");
    const int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) return AtomicFile(file, temporary, descriptor, durability);
    if (errno != EEXIST) return SystemError("create", file, errno);
  }
  return SystemError("create", file, EEXIST);
}

AtomicFile::AtomicFile(std::filesystem::path file, std::filesystem::path temporary, int descriptor,
                       Durability durability)
    : file_(std::move(file)), temporary_(std::move(temporary)), descriptor_(descriptor), durability_(durability) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : file_(std::move(other.file_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      durability_(other.durability_) {}

AtomicFile::~AtomicFile() {
  Discard();
}

void AtomicFile::Discard() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(temporary_.c_str());
  descriptor_ = -1;
}

absl::Status AtomicFile::Write(const void* bytes, std::size_t size) {
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t count = write(descriptor_, next, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("write", file_, errno);
    next += count;
    size -= static_cast<std::size_t>(count);
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  const bool on_disk = durability_ == Durability::kOnDisk;
  if ((on_disk && fsync(descriptor_) != 0) || rename(temporary_.c_str(), file_.c_str()) != 0) {
    const int error = errno;
    Discard();
    return SystemError("write", file_, error);
  }
  close(std::exchange(descriptor_, -1));
  if (!on_disk) return absl::OkStatus();
  // The rename itself must reach the disk too.
  const std::filesystem::path folder = file_.has_parent_path() ? file_.parent_path() : ".";
  const int directory = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    fsync(directory);
    close(directory);
  }
  return absl::OkStatus();
}

absl::Status WriteFile(const std::filesystem::path& file, std::string_view text, Durability durability) {
  absl::StatusOr<AtomicFile> out = AtomicFile::Create(file, durability);
  if (!out.ok()) return out.status();
  if (absl::Status written = out->Write(text.data(), text.size()); !written.ok()) return written;
  return out->Commit();
}

}  // namespace lorasweep::text
