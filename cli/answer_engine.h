#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lorasweep/v1/inference.pb.h"

namespace lorasweep::cli {

// What was added to a text, or its end.
struct AnswerPart {
  enum class End { kNone, kStop, kLength, kFailed };

  std::string text;         // whole characters; may be empty
  std::int64_t tokens = 0;  // of the whole text so far, the one that ended it not counted
  End end = End::kNone;
  std::string error;  // why it failed
  // At its end, from its first token to its last, where the process has measured it.
  std::optional<double> seconds = std::nullopt;
};

// A base model and adapters over one copy of it, in a process of their own, which makes texts as they are asked for,
// several at once. Model 0 is the base alone, 1, 2, … have the adapters in their order.
//
//   while (engine.Pump(50ms).ok()) {}                            // one thread, the one that started it
//   auto task = engine.Ask(generate, [](const auto& part) {…});  // any thread
class AnswerEngine {
 public:
  // Told of every part of a text; the last has an end. From the thread of Pump, with no lock held. Must not block.
  using Listener = std::function<void(const AnswerPart& part)>;

  virtual ~AnswerEngine() = default;

  // Waits up to `time` for answers and passes them on. Errors: what the process says of the model or its adapters;
  // Internal when it dies, with the end of its log. Then all that was asked for has failed.
  virtual absl::Status Pump(std::chrono::milliseconds time) = 0;
  // What it computes on and in, "cpu bf16"; empty: the model is not there yet.
  virtual std::string device() const = 0;

  // The task's number. Unavailable: the process has ended.
  virtual absl::StatusOr<std::int64_t> Ask(const v1::InferenceTask::Generate& text, Listener listener) = 0;
  // The text ends where it is; its listener is told so.
  virtual void Stop(std::int64_t task) = 0;
};

}  // namespace lorasweep::cli
