#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "lorasweep/v1/inference.pb.h"
#include "trainer_core/trainer/generator.h"

// What the subcommands share that generate (lorasweep/v1/inference.proto).
namespace lorasweep::worker {

// --precision's bf16 and fp32; else auto.
trainer::Precision PrecisionOf(std::string_view word);

trainer::GenerationRequest ToRequest(const v1::InferenceTask::Generate& task);

// Tells the last answer: the end, or why it failed. The exit code.
int TellEnd(const absl::Status& status);

}  // namespace lorasweep::worker
