#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lorasweep::cli {

struct LocalWorkersOptions {
  std::filesystem::path program;     // lorasweep-worker
  std::string server;                // HOST:PORT
  std::filesystem::path log_folder;  // worker-N.log are appended to
  int count = 1;
  std::vector<std::string> arguments;  // more for each worker
  int restarts = 3;                    // new starts that each worker gets after it died
};

// Worker processes of `lorasweep run`: started, watched, started again when they die. Each is in its own process group,
// so that Ctrl-C in the terminal reaches only us. Not thread-safe: use from one thread, which must outlive the workers
// (they end with it).
class LocalWorkers {
 public:
  // Errors: NotFound (no program there), Internal (the system refused).
  static absl::StatusOr<LocalWorkers> Start(const LocalWorkersOptions& options);

  // Kills those that still run.
  ~LocalWorkers();
  LocalWorkers(LocalWorkers&& other) noexcept;
  LocalWorkers& operator=(LocalWorkers&&) = delete;

  struct Death {
    std::string what;               // "worker 1 ended with exit code 1; started again (1 of 3)"
    std::vector<std::string> tail;  // last lines of its log
  };
  // Reaps workers that died since the last call, and starts them again while they may be.
  std::vector<Death> Tick();

  // No worker runs and none will be started again.
  bool AllGone() const;

  // SIGTERM: each ends its step, hands its trials back with a checkpoint, and ends.
  void RequestStop();
  // Kills at once.
  void Kill();
  // True once none runs any more; waits for it up to `time`.
  bool WaitAllEnded(std::chrono::milliseconds time);

 private:
  struct Process {
    int number = 0;
    pid_t pid = -1;  // -1: does not run
    int deaths = 0;
  };

  explicit LocalWorkers(LocalWorkersOptions options) : options_(std::move(options)) {}
  absl::Status Launch(Process& process);
  std::filesystem::path LogOf(const Process& process) const;

  LocalWorkersOptions options_;
  std::vector<Process> processes_;
  bool stopping_ = false;
};

// The program `name` beside the running executable, else beside `argv0`. NotFound says where it was looked for.
absl::StatusOr<std::filesystem::path> FindProgramBeside(const std::string& argv0, const std::string& name);

// The last `lines` lines of a text file; empty when it cannot be read.
std::vector<std::string> Tail(const std::filesystem::path& file, std::size_t lines);

}  // namespace lorasweep::cli
