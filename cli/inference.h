#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/context.h"
#include "lorasweep/v1/inference.pb.h"

namespace lorasweep::cli {

struct InferenceOptions {
  std::filesystem::path model;    // a folder
  std::filesystem::path adapter;  // empty: the base model alone
  bool base = true;               // with an adapter: without it, too
  std::string device = "auto";
  std::string precision = "auto";
  int threads = 0;
};

// What one model answered, by task.
struct ModelAnswers {
  bool tuned = false;                                // with the adapter
  std::vector<std::vector<std::int32_t>> generated;  // empty where the task was another
  std::vector<double> losses;                        // 0 where the task was another
};

// Does the tasks in a lorasweep-worker, with a progress bar; the base model's answers come first. Errors: what the
// worker says; Cancelled after Ctrl-C; Internal when it dies, with the end of its log.
absl::StatusOr<std::vector<ModelAnswers>> Infer(Context& context, const InferenceOptions& options,
                                                const std::vector<v1::InferenceTask>& tasks);

}  // namespace lorasweep::cli
