#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/safetensors_writer.h"

// The files of a model's folder as Hugging Face lays them out.
namespace lorasweep::merge {

// transformers' usual size of one file.
inline constexpr std::int64_t kShardBytes = 5'000'000'000;

// Writes tensors, in their order, as model.safetensors, or when they are more than `shard_bytes` as
// model-00001-of-0000N.safetensors with their index. `produce` makes the bytes of one tensor at a time.
absl::Status WriteModelTensors(
    const std::filesystem::path& folder, const std::vector<text::TensorSpec>& specs, std::int64_t shard_bytes,
    const std::function<absl::StatusOr<std::vector<std::byte>>(const text::TensorSpec& spec)>& produce);

// Copies what belongs to a model besides its weights: config.json, generation_config.json, the tokenizer's files, a
// chat template, licences. Of `tokenizer_only` folders (an adapter's) only what belongs to the tokenizer.
absl::Status CopyModelFiles(const std::filesystem::path& from, const std::filesystem::path& to, bool tokenizer_only);

}  // namespace lorasweep::merge
