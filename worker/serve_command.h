#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "trainer_core/trainer/trainer.h"

namespace lorasweep::worker {

// `lorasweep-worker serve`: answers tasks (v1::InferenceTask, one a line) as they come on standard input, several at
// once, by a base model and its adapters over one copy of it, and tells every token on standard output at once
// (v1::InferenceAnswer). Model 0 is the base alone. `lorasweep playground` asks.
struct ServeFlags {
  std::filesystem::path model;                  // a folder
  std::vector<std::filesystem::path> adapters;  // PEFT folders: models 1, 2, …
  std::string precision = "auto";               // auto, bf16 or fp32
  bool with_parent = false;                     // end when the process that started this one ends
};

// Until standard input ends. Exit code; why it failed is the last answer.
int RunServe(const ServeFlags& flags, trainer::TrainerOptions options);

}  // namespace lorasweep::worker
