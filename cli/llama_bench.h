#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/signals.h"

// llama-bench, llama.cpp's own benchmark, of the build of llama.cpp that will run the model.
namespace lorasweep::cli {

struct LlamaBenchOptions {
  std::filesystem::path program;
  std::filesystem::path model;  // a GGUF file
  std::filesystem::path log;    // what it says besides is appended to it
  int threads = 0;              // 0: as many as it takes by itself
  int prompt = 512;             // tokens that are read
  int generate = 128;           // and written, one by one
  int repetitions = 5;          // of each, at least 1
};

struct LlamaBenchResult {
  std::vector<double> prompt;    // tokens per second, of each repetition
  std::vector<double> generate;  // likewise
  std::string cpu;
  std::string build;  // of llama.cpp
  std::int64_t threads = 0;
  std::int64_t memory_bytes = 0;  // most that the process held resident: weights, keys and values, buffers
};

// From what it writes with -o json; without memory_bytes. InvalidArgument: not of that form.
absl::StatusOr<LlamaBenchResult> ParseLlamaBench(std::string_view json);

// On the CPU alone, whatever else the machine has. Cancelled: a signal came. Internal: it failed; its last words.
absl::StatusOr<LlamaBenchResult> RunLlamaBench(const LlamaBenchOptions& options, Signals& signals);

}  // namespace lorasweep::cli
