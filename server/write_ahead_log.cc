#include "server/write_ahead_log.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::server {
namespace {

// Of 4 KiB. From the first on the thread moves pages, which takes a while but stops nobody. A log that is written to
// all the time has never been moved as a whole, and only such a one begins anew: at the second, the writer moves the
// rest.
constexpr int kCheckpointPages = 4000;
constexpr int kTrimPages = 4 * kCheckpointPages;

}  // namespace

WriteAheadLog::WriteAheadLog(std::string file, SQLite::Database& writer)
    : file_(std::move(file)), writer_(writer), checkpointer_(file_, SQLite::OPEN_READWRITE) {
  writer_.exec("PRAGMA synchronous = NORMAL");
  checkpointer_.exec("PRAGMA synchronous = NORMAL");
  sqlite3_wal_hook(writer_.getHandle(), &WriteAheadLog::OnCommit, this);  // in place of SQLite's own checkpoints
  thread_ = std::thread([this] {
    while (true) {
      {
        absl::MutexLock lock(&mutex_);
        const auto woken = [this] {
          mutex_.AssertHeld();
          return wanted_ || stop_;
        };
        mutex_.Await(absl::Condition(&woken));
        if (stop_) return;
        wanted_ = false;
      }
      Checkpoint(checkpointer_);
    }
  });
}

WriteAheadLog::~WriteAheadLog() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
  sqlite3_wal_hook(writer_.getHandle(), nullptr, nullptr);
}

int WriteAheadLog::OnCommit(void* log, sqlite3*, const char*, int pages) {
  auto* self = static_cast<WriteAheadLog*>(log);
  // The pages that were moved already count until the log begins anew: told apart, so that not every commit asks.
  const int before = self->pages_.exchange(pages);
  if (pages / kCheckpointPages > (pages < before ? 0 : before / kCheckpointPages)) {
    absl::MutexLock lock(&self->mutex_);
    self->wanted_ = true;
  }
  return SQLITE_OK;
}

void WriteAheadLog::Checkpoint(SQLite::Database& connection) {
  // Passive: waits for nobody. When it fails, the log only stays longer; what ails the disk will stop a commit.
  sqlite3_wal_checkpoint_v2(connection.getHandle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

void WriteAheadLog::Trim() {
  if (pages_ >= kTrimPages) Checkpoint(writer_);
}

absl::Status WriteAheadLog::Sync() const {
  // Opened anew each time, which costs nothing beside the disk. POSIX drops a process's locks on a file with any close
  // of it; SQLite has none on this one.
  const std::string log = file_ + "-wal";
  const int file = open(log.c_str(), O_RDONLY | O_CLOEXEC);
  int error = 0;
  if (file < 0 || fdatasync(file) != 0) error = errno;
  if (file >= 0) close(file);
  if (error == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(log, " cannot be written to disk: ", std::strerror(error),
                   "; nothing is stored any more until the disk is repaired and the server is "
                   "started again"));
}

}  // namespace lorasweep::server
