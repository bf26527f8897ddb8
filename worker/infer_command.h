#pragma once

#include <filesystem>
#include <string>

#include "trainer_core/trainer/trainer.h"

namespace lorasweep::worker {

// `lorasweep-worker infer`: does the tasks of a file (v1::InferenceTask, one a line) with a model and tells the answers
// on standard output (v1::InferenceAnswer). `lorasweep evaluate` asks.
struct InferFlags {
  std::filesystem::path model;     // a folder
  std::filesystem::path adapter;   // PEFT folder; empty: the base model alone
  bool base = false;               // with an adapter: first all tasks without it
  std::filesystem::path tasks;     // file
  std::string precision = "auto";  // auto, bf16 or fp32
  bool with_parent = false;        // end when the process that started this one ends
};

// Exit code; why it failed is the last answer.
int RunInfer(const InferFlags& flags, trainer::TrainerOptions options);

}  // namespace lorasweep::worker
