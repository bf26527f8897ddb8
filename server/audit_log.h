#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/log.h"

namespace lorasweep::server {

// One call that changed something, or that was refused. Never holds a secret.
struct AuditEntry {
  absl::Time time = absl::InfinitePast();
  std::string caller;      // Caller::name; empty: not known
  std::string peer;        // the address that it came from
  std::string method;      // "SweepService/CreateSweep"
  std::string subject;     // what it was about: "sweeps/math-tutor", "workers/gpu-7 lease 12"
  std::string request_id;  // empty: none
  absl::Status outcome;
};

struct AuditOptions {
  std::int64_t max_bytes = 64 << 20;  // of one file
  int max_files = 10;                 // audit.log and audit.log.1 (younger) to audit.log.9 (oldest)
  LogSink log = {};                   // may be empty: told when the file cannot be written, once until it can again
};

// Who did what, when, and how it ended: a file of lines of JSON, each written whole before the call is answered.
//
//   {"time":"2026-11-22T11:36:00.123456Z","caller":"token ci","peer":"ipv4:10.0.0.7:41000","method":"SweepService/…",
//    "subject":"sweeps/math-tutor","request_id":"…","outcome":"OK","message":""}
//
// A file that cannot be written stops nothing else. Threads: all methods may be called from several.
class AuditLog {
 public:
  // Goes on at the end of the file. InvalidArgument: it cannot be written.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const std::filesystem::path& file, AuditOptions options = {});
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  void Record(const AuditEntry& entry);

 private:
  AuditLog(std::filesystem::path path, AuditOptions options) : path_(std::move(path)), options_(std::move(options)) {}
  bool Reopen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Write(const std::string& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Rotate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::filesystem::path path_;
  const AuditOptions options_;
  absl::Mutex mutex_;
  int file_ ABSL_GUARDED_BY(mutex_) = -1;
  std::int64_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lorasweep::server
