#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "cli/answer_engine.h"
#include "cli/worker_process.h"

namespace lorasweep::cli {

// Answers by a `llama-server` of llama.cpp on this machine's CPU, on a free port of 127.0.0.1.
class LlamaEngine final : public AnswerEngine {
 public:
  struct Options {
    std::filesystem::path program;                // llama-server
    std::filesystem::path model;                  // the base, a GGUF file
    std::vector<std::filesystem::path> adapters;  // GGUF LoRA files: models 1, 2, …
    std::filesystem::path log;                    // what it says is appended to it
    std::string device;                           // what device() tells
    bool drops_first_space = false;               // as DropsFirstSpace says of its tokenizer
    int threads = 0;                              // 0: as many as it takes by itself
    int at_once = 1;                              // texts that it makes side by side
    std::int64_t context = 4096;                  // tokens of each, prompt and answer
  };

  // Does not wait for the model. Errors as WorkerProcess::Start's; Internal: no port is free.
  static absl::StatusOr<std::unique_ptr<AnswerEngine>> Start(const Options& options);
  ~LlamaEngine() override;
  LlamaEngine(const LlamaEngine&) = delete;
  LlamaEngine& operator=(const LlamaEngine&) = delete;

  absl::Status Pump(std::chrono::milliseconds time) override;
  std::string device() const override;
  absl::StatusOr<std::int64_t> Ask(const v1::InferenceTask::Generate& text, Listener listener) override;
  void Stop(std::int64_t task) override;

 private:
  // A text that is not at its end.
  struct Answering {
    v1::InferenceTask::Generate text;
    Listener listener;
    std::stop_source stop;
  };
  struct Told {
    std::int64_t task = 0;
    AnswerPart part;
  };

  LlamaEngine(Options options, std::string url, WorkerProcess server);
  void Work();  // a thread that asks for texts, one after the other
  void MakeText(std::int64_t task, const v1::InferenceTask::Generate& text, const std::stop_token& stop);
  void Tell(std::int64_t task, AnswerPart part);
  void LookWhetherReady();
  void PassOn(std::chrono::milliseconds time);
  void FailAll(const absl::Status& why);

  const Options options_;
  const std::string url_;
  WorkerProcess server_;
  bool ready_ = false;  // of Pump's thread
  mutable std::mutex mutex_;
  std::condition_variable asked_;
  std::condition_variable told_;
  // Guarded by mutex_.
  std::string device_;
  bool ended_ = false;
  std::int64_t next_task_ = 0;
  std::deque<std::int64_t> waiting_;  // that no thread has taken
  std::map<std::int64_t, Answering> answering_;
  std::deque<Told> parts_;  // for Pump

  std::vector<std::thread> threads_;
};

}  // namespace lorasweep::cli
