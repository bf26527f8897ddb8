#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "trainer_core/trainer/generator.h"

namespace lorasweep::worker {

// `lorasweep-worker chat`: talks with a model. Questions come from standard input, one a line; answers go to standard
// output while they are made.
struct ChatFlags {
  std::filesystem::path model;    // a folder
  std::filesystem::path adapter;  // PEFT folder; empty: the base model
  std::string system;             // how the conversation begins; empty: not
  trainer::GenerationOptions generation;
  std::string precision = "auto";  // auto, bf16 or fp32
  bool raw = false;                // lines are texts to go on from, without a chat template or a memory of earlier ones
};

// Until standard input ends, or a line says /exit. SIGINT ends the answer that is being made, at the prompt the
// program. Exit code.
int RunChat(const ChatFlags& flags, trainer::TrainerOptions options);

}  // namespace lorasweep::worker
