#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/temporary_folder.h"
#include "cli/worker_process.h"
#include "lorasweep/v1/inference.pb.h"

namespace lorasweep::cli {

// A base model and adapters over one copy of it, in a `lorasweep-worker serve`, which makes texts as they are asked
// for, several at once.
//
//   auto engine = AnswerEngine::Start({.worker = program, .model = folder, .adapters = {adapter}});
//   while ((*engine)->Pump(50ms).ok()) {}                            // one thread, the one that started it
//   auto task = (*engine)->Ask(generate, [](const auto& answer) {…});  // any thread
class AnswerEngine {
 public:
  struct Options {
    std::filesystem::path worker;                 // lorasweep-worker
    std::filesystem::path model;                  // a folder
    std::vector<std::filesystem::path> adapters;  // models 1, 2, …; 0 is the base alone
    std::string device = "auto";
    std::string precision = "auto";
    int threads = 0;
  };
  // Told of every token of a text, and then once that it was `generated` or `failed`; from the thread of Pump, with no
  // lock held. Must not block.
  using Listener = std::function<void(const v1::InferenceAnswer& answer)>;

  // Does not wait for the model. Errors as WorkerProcess::Start's.
  static absl::StatusOr<std::unique_ptr<AnswerEngine>> Start(const Options& options);
  AnswerEngine(const AnswerEngine&) = delete;
  AnswerEngine& operator=(const AnswerEngine&) = delete;

  // Waits up to `time` for answers and passes them on. Errors: what the worker says of the model or its adapters;
  // Internal when it dies, with the end of its log. Then all that was asked for has failed.
  absl::Status Pump(std::chrono::milliseconds time);
  // "cpu bf16"; empty: the model is not there yet.
  std::string device() const;

  // The task's number. Unavailable: the worker has ended.
  absl::StatusOr<std::int64_t> Ask(const v1::InferenceTask::Generate& text, Listener listener);
  // The text ends where it is; its listener is told so.
  void Stop(std::int64_t task);

 private:
  AnswerEngine(TemporaryFolder folder, WorkerProcess worker);
  void Send(const v1::InferenceTask& task);  // holding sending_
  absl::Status Take(const std::string& line);
  void FailAll(const absl::Status& why);

  const TemporaryFolder folder_;  // of its log
  WorkerProcess worker_;
  // Of its own, and taken first: a worker that does not read yet must not keep us from reading its answers.
  std::mutex sending_;
  std::int64_t next_task_ = 0;  // guarded by sending_
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::string device_;
  bool ended_ = false;
  std::map<std::int64_t, Listener> listeners_;  // of texts that are not at their end
};

}  // namespace lorasweep::cli
