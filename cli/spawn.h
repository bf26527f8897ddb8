#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lorasweep::cli {

struct SpawnOptions {
  std::vector<std::string> words;  // the program's path, then its arguments
  std::filesystem::path log;       // standard error, and standard output where `out` is -1, are appended to it
  int out = -1;                    // file descriptor that becomes standard output
  int in = -1;                     // likewise standard input; -1: it has none
};

// Starts a program in a process group of its own, so that Ctrl-C in the terminal reaches only us. Its
// process id. NotFound: there is no such program. Internal: the system refused.
absl::StatusOr<pid_t> Spawn(const SpawnOptions& options);

struct ForegroundOptions {
  std::vector<std::string> environment = {};  // NAME=value, before our own variables
  bool out_to_error = false;                  // what it writes to standard output goes to our standard error
};

// Runs a program to its end with our own standard input and output and in our process group, so that it has the
// terminal; Ctrl-C is its own affair. Its exit code, 128 + signal when it was killed. Errors as Spawn's.
absl::StatusOr<int> RunInForeground(std::vector<std::string> words, ForegroundOptions options = {});

// "was killed by signal 9 (Killed)", "ended with exit code 1": waitpid's status in words.
std::string HowItEnded(int status);

}  // namespace lorasweep::cli
