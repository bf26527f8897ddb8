#include "server/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kMaxMessage = 500;

std::string LineOf(const AuditEntry& entry) {
  const std::string message(entry.outcome.message());
  const nlohmann::ordered_json line = {
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", entry.time, absl::UTCTimeZone())},
      {"caller", entry.caller},
      {"peer", entry.peer},
      {"method", entry.method},
      {"subject", entry.subject},
      {"request_id", entry.request_id},
      {"outcome", absl::StatusCodeToString(entry.outcome.code())},
      {"message", message.substr(0, kMaxMessage)},
  };
  // What came from outside may be no UTF-8.
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const std::filesystem::path& file, AuditOptions options) {
  auto log = std::unique_ptr<AuditLog>(new AuditLog(file, std::move(options)));
  absl::MutexLock lock(&log->mutex_);
  if (!log->Reopen()) {
    return absl::InvalidArgumentError(absl::StrCat("cannot write ", file.string(), ": ", std::strerror(errno)));
  }
  return log;
}

AuditLog::~AuditLog() {
  absl::MutexLock lock(&mutex_);
  if (file_ >= 0) close(file_);
}

void AuditLog::Record(const AuditEntry& entry) {
  const std::string line = LineOf(entry);
  absl::MutexLock lock(&mutex_);
  if (size_ > 0 && size_ + static_cast<std::int64_t>(line.size()) > options_.max_bytes) Rotate();
  const bool written = (file_ >= 0 || Reopen()) && Write(line);
  if (!written && !failing_ && options_.log) {
    options_.log(LogLevel::kError,
                 absl::StrCat("the audit log ", path_.string(), " cannot be written: ", std::strerror(errno)));
  }
  failing_ = !written;
}

bool AuditLog::Reopen() {
  if (file_ >= 0) close(file_);
  // Nobody else's business: names of people and sweeps.
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat info;
  size_ = file_ >= 0 && fstat(file_, &info) == 0 ? static_cast<std::int64_t>(info.st_size) : 0;
  return file_ >= 0;
}

bool AuditLog::Write(const std::string& line) {
  ssize_t done;
  do {
    done = write(file_, line.data(), line.size());
  } while (done < 0 && errno == EINTR);
  if (done > 0) size_ += done;
  return done == static_cast<ssize_t>(line.size());
}

void AuditLog::Rotate() {
  std::error_code ignored;
  const auto name = [this](int number) { return absl::StrCat(path_.string(), ".", number); };
  for (int number = options_.max_files - 2; number >= 1; --number) {
    std::filesystem::rename(name(number), name(number + 1), ignored);
  }
  std::filesystem::rename(path_, name(1), ignored);
  Reopen();
}

}  // namespace lorasweep::server
