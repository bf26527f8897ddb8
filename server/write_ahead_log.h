#pragma once

#include <SQLiteCpp/Database.h>

#include <atomic>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace lorasweep::server {

// The write-ahead log of a database (the file FILE-wal), taken over from SQLite for one connection: its commits append
// to the log without waiting for the disk, Sync makes all of them durable at once, and what the log holds is moved into
// the database file beside the writer, by a thread and a connection of its own.
//
//   WriteAheadLog log(file, writer);
//   writer.exec("COMMIT"); log.Trim();   // the writer's thread
//   log.Sync();                          // any thread: what was committed before the call is on disk
//
// Nothing can break the database: SQLite itself syncs the log before it moves anything (PRAGMA synchronous = NORMAL).
class WriteAheadLog {
 public:
  // `writer` is in WAL mode and lives as long. Throws SQLite::Exception.
  WriteAheadLog(std::string file, SQLite::Database& writer);
  ~WriteAheadLog();
  WriteAheadLog(const WriteAheadLog&) = delete;
  WriteAheadLog& operator=(const WriteAheadLog&) = delete;

  // Unavailable: the disk failed; what was committed since the last Sync may or may not be there after a restart, and a
  // second try proves nothing.
  absl::Status Sync() const;

  // For the writer's thread, between transactions: lets the log begin anew where constant writing kept it from that.
  void Trim();

 private:
  static int OnCommit(void* log, sqlite3* writer, const char* database, int pages);
  void Checkpoint(SQLite::Database& connection);

  const std::string file_;
  SQLite::Database& writer_;
  std::atomic<int> pages_ = 0;  // in the log
  absl::Mutex mutex_;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;  // a checkpoint
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  SQLite::Database checkpointer_;  // the thread's
  std::thread thread_;
};

}  // namespace lorasweep::server
