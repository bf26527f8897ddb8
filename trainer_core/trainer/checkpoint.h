#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/trainer/adapter_layout.h"

// One trial's training in one safetensors file: its adapter (PEFT's names), AdamW's moments, and how far it is. Free
// of torch.
namespace lorasweep::trainer {

struct Checkpoint {
  std::int64_t step = 0;       // optimizer steps done
  std::int64_t sequences = 0;  // training rows seen: the position in the data order
  std::int64_t tokens = 0;
  // Each in the slot's own AdapterLayout.
  std::vector<float> parameters;
  std::vector<float> first_moments;
  std::vector<float> second_moments;
};

// What the numbers of a training run depend on, by name ("learning_rate": "0.0003"). A checkpoint goes on only under
// equal ones.
using RunIdentity = std::map<std::string, std::string>;

// The file appears whole or not at all.
absl::Status WriteCheckpoint(const std::filesystem::path& file, const RunIdentity& identity,
                             const AdapterLayout& layout, const Checkpoint& checkpoint);

// Errors: NotFound; InvalidArgument for a file that is no checkpoint or is damaged; FailedPrecondition for one of
// another model, data or config, naming the first difference.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::filesystem::path& file, const RunIdentity& identity,
                                          const AdapterLayout& layout);

}  // namespace lorasweep::trainer
