#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "worker/coordinator_client.h"
#include "worker/report_stream.h"

namespace lorasweep::worker {

// Checkpoints go up beside training: a thread of its own uploads each file and hands it to the report stream. Of a
// trial whose checkpoints come faster than they can be sent, the newest is taken. Thread safe.
class CheckpointUploader {
 public:
  // Copies of the files are kept in `spool_folder`, which exists. `client` and `stream` outlive the uploader.
  CheckpointUploader(std::filesystem::path spool_folder, CoordinatorClient& client, ReportStream& stream);
  // Gives up what was not sent.
  ~CheckpointUploader();

  // Takes a copy of the file, so that the caller may write its next one.
  void Add(std::int64_t token, std::int64_t step, const std::filesystem::path& file);
  // Waits until nothing of the lease is to be sent any more. False: `timeout` came first.
  bool Wait(std::int64_t token, std::chrono::milliseconds timeout);
  // Forgets what was not sent of the lease.
  void Drop(std::int64_t token);

 private:
  struct Copy {
    std::int64_t step = 0;
    std::filesystem::path file;
  };

  void Loop(const std::stop_token& stop);

  const std::filesystem::path spool_folder_;
  CoordinatorClient& client_;
  ReportStream& stream_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::int64_t, Copy> waiting_;  // guarded by mutex_, as all below
  std::optional<std::int64_t> sending_;   // the lease whose checkpoint is on its way
  std::int64_t copies_ = 0;

  std::jthread thread_;  // last: it uses everything above
};

}  // namespace lorasweep::worker
