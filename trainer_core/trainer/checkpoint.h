#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/dtype.h"
#include "trainer_core/text/file.h"
#include "trainer_core/trainer/adapter_layout.h"

// One trial's training in one safetensors file: its adapter (PEFT's names), whatever the optimizer and the loop keep
// besides, and how far it is. Free of torch.
namespace lorasweep::trainer {

// A tensor of training state, of any type and shape. Owns its bytes (row-major, little-endian).
struct StateTensor {
  text::DType dtype = text::DType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;
};

struct Checkpoint {
  std::int64_t step = 0;       // optimizer steps done
  std::int64_t sequences = 0;  // training rows seen: the position in the data order
  std::int64_t tokens = 0;
  std::string adapter_config;  // PEFT's adapter_config.json of the adapter
  // The adapter, in the slot's own AdapterLayout.
  std::vector<float> parameters;
  // By name ("adamw.first_moments"), and small state as texts ("validation.stale"). Names are the writer's own affair.
  std::map<std::string, StateTensor> state;
  std::map<std::string, std::string> notes;

  // A vector of floats as a state tensor, and the way back. InvalidArgument: there is no such tensor, or it is not F32
  // with `size` elements.
  void SetFloats(const std::string& name, std::span<const float> values);
  absl::StatusOr<std::vector<float>> Floats(const std::string& name, std::int64_t size) const;
};

// What the numbers of a training run depend on, by name ("learning_rate": "0.0003"). A checkpoint goes on only under
// equal ones.
using RunIdentity = std::map<std::string, std::string>;

// The file appears whole or not at all.
absl::Status WriteCheckpoint(const std::filesystem::path& file, const RunIdentity& identity,
                             const AdapterLayout& layout, const Checkpoint& checkpoint,
                             text::Durability durability = text::Durability::kOnDisk);

// Errors: NotFound; InvalidArgument for a file that is no checkpoint or is damaged; FailedPrecondition for one of
// another model, data or config, naming the first difference.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::filesystem::path& file, const RunIdentity& identity,
                                          const AdapterLayout& layout);

// Writes the adapter of a checkpoint as a folder that peft loads. Needs neither model nor config. Errors as those of
// ReadCheckpoint and WriteAdapter.
absl::Status ExportCheckpointAdapter(const std::filesystem::path& checkpoint, const std::filesystem::path& folder);

}  // namespace lorasweep::trainer
