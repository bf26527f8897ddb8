#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace lorasweep::testing {

// A real program started by a test, with its output in a file. Killed and reaped in the destructor.
class Process {
 public:
  // `arguments[0]` is the program's path. `environment` entries ("NAME=value") are added to this process's own.
  explicit Process(std::vector<std::string> arguments, std::filesystem::path log,
                   std::vector<std::string> environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Exit status, 128 + signal for a killed one, -1 if it still runs when the time is over.
  int Wait(std::chrono::seconds limit = std::chrono::seconds(60));
  // kill -9, then reaped.
  void Kill();
  // Standard output and error so far.
  std::string Output() const;
  // Waits until Output() contains `text`; false when it ends or the time is over without it.
  bool WaitForOutput(const std::string& text, std::chrono::seconds limit = std::chrono::seconds(60));

 private:
  bool Reap(bool block);

  std::filesystem::path log_;
  pid_t pid_ = -1;
  bool running_ = false;
  int status_ = -1;
};

struct Finished {
  int status = -1;
  std::string output;  // standard output and error together
};

// Runs a program to its end.
Finished RunProgram(std::vector<std::string> arguments, std::vector<std::string> environment = {},
                    std::chrono::seconds limit = std::chrono::seconds(120));

// Polls until `condition` holds; false when the time is over.
bool Eventually(const std::function<bool()>& condition, std::chrono::seconds limit = std::chrono::seconds(60));

std::string ReadFile(const std::filesystem::path& path);
void WriteFile(const std::filesystem::path& path, const std::string& content);

}  // namespace lorasweep::testing
