#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "absl/status/status.h"
#include "trainer_core/merge/model_files.h"

namespace lorasweep::merge {

// Called after each tensor: bytes of the new model written so far, and in all.
using MergeProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// Writes the model that a base model and an adapter are together as a folder of its own, as transformers lays it out:
// the base's config and tokenizer (the adapter's tokenizer where it brings one), weights in the base's types, computed
// in fp32, in files of at most `shard_bytes`. Where the adapter trained an embedding or an output layer that are one in
// the base, they become two and config.json says so.
//
// The folder appears whole or not at all. Memory: one tensor at a time. AlreadyExists: `out` is not empty. NotFound,
// InvalidArgument: base or adapter are not what they should be, or do not fit together; Unimplemented as
// PeftAdapter::Open.
absl::Status MergeAdapter(const std::filesystem::path& base, const std::filesystem::path& adapter,
                          const std::filesystem::path& out, const MergeProgress& progress = {},
                          std::int64_t shard_bytes = kShardBytes);

}  // namespace lorasweep::merge
