#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lorasweep::cli {

// A program that answers in lines on its standard output, as subcommands of lorasweep-worker do. Killed and reaped in
// the destructor. One thread, which must outlive it (the process ends with it); Send may be called from another.
class WorkerProcess {
 public:
  enum class Input { kNone, kLines };

  // `words`: the program and its arguments; what it logs is appended to `log`. Errors as Spawn's.
  static absl::StatusOr<WorkerProcess> Start(std::vector<std::string> words, const std::filesystem::path& log,
                                             Input input = Input::kNone);

  ~WorkerProcess();
  WorkerProcess(WorkerProcess&& other) noexcept;
  WorkerProcess& operator=(WorkerProcess&&) = delete;

  // The lines that came since the last call, without waiting.
  std::vector<std::string> Lines();
  // Waits up to `time` for some.
  void WaitForLines(std::chrono::milliseconds time) const;
  // With Input::kLines: writes a line to its standard input, and waits while it does not read. False: it has ended.
  bool Send(std::string line) const;
  // Its output has ended: all lines were handed out.
  bool ended() const { return out_ < 0; }
  void Signal(int signal) const;
  // Waits until it has ended; waitpid's status.
  int Wait();
  // The most memory that it held resident so far; 0: it has ended, or the system does not tell.
  std::int64_t PeakBytes() const;

 private:
  WorkerProcess(pid_t pid, int out, int in) : pid_(pid), out_(out), in_(in) {}

  pid_t pid_;
  int out_;  // our end of the pipe; -1: at its end
  int in_;   // our end of its input's pipe; -1: none
  std::string rest_;
  std::optional<int> status_;
};

}  // namespace lorasweep::cli
