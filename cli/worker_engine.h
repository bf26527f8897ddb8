#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/answer_engine.h"
#include "cli/temporary_folder.h"
#include "cli/worker_process.h"
#include "trainer_core/text/growing_text.h"

namespace lorasweep::cli {

// Answers by a `lorasweep-worker serve`.
class WorkerEngine final : public AnswerEngine {
 public:
  struct Options {
    std::filesystem::path worker;                 // lorasweep-worker
    std::filesystem::path model;                  // a folder
    std::vector<std::filesystem::path> adapters;  // models 1, 2, …
    std::string device = "auto";
    std::string precision = "auto";
    int threads = 0;
  };

  // Does not wait for the model. `tokenizer` is the model's. Errors as WorkerProcess::Start's.
  static absl::StatusOr<std::unique_ptr<AnswerEngine>> Start(const Options& options, text::Tokenizer tokenizer);

  absl::Status Pump(std::chrono::milliseconds time) override;
  std::string device() const override;
  absl::StatusOr<std::int64_t> Ask(const v1::InferenceTask::Generate& text, Listener listener) override;
  void Stop(std::int64_t task) override;

 private:
  // A text that is not at its end.
  struct Answering {
    Listener listener;
    text::GrowingText text;
    std::int64_t most = 0;  // tokens
    std::int64_t tokens = 0;
  };

  WorkerEngine(TemporaryFolder folder, WorkerProcess worker, text::Tokenizer tokenizer);
  void Send(const v1::InferenceTask& task);  // holding sending_
  absl::Status Take(const std::string& line);
  static AnswerPart PartOf(const v1::InferenceAnswer& answer, Answering& answering);
  void FailAll(const absl::Status& why);

  const TemporaryFolder folder_;  // of its log
  const text::Tokenizer tokenizer_;
  WorkerProcess worker_;
  // Of its own, and taken first: a worker that does not read yet must not keep us from reading its answers.
  std::mutex sending_;
  std::int64_t next_task_ = 0;  // guarded by sending_
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::string device_;
  bool ended_ = false;
  std::map<std::int64_t, Answering> answering_;
};

}  // namespace lorasweep::cli
