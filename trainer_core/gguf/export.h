#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lorasweep::gguf {

// Called from time to time: how much of the work is done, and all of it, in bytes.
using ExportProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// The types that a model may be written in, as llama.cpp names them: f32, f16, bf16, and what its quantiser makes:
// q8_0, q6_k, q5_k_m, q4_k_m and so on.
std::vector<std::string> ExportTypes();

// Writes a Hugging Face model folder as one GGUF file that llama.cpp runs: weights, shape, tokenizer, chat template.
// Quantised types go through llama.cpp's own quantiser, from a file in the model's own type that is written beside
// `out` and removed. The file appears whole or not at all. Memory: one tensor at a time.
// AlreadyExists: `out` is there. NotFound, InvalidArgument: the folder is not what it should be. Unimplemented: an
// architecture, option or tokenizer that has no form here.
absl::Status ExportGguf(const std::filesystem::path& model, const std::string& type, const std::filesystem::path& out,
                        const ExportProgress& progress = {});

// Writes a PEFT adapter alone, for llama.cpp to apply to the base model's file (--lora). Whatever scales the adapter's
// modules have (rsLoRA, patterns), llama.cpp's alpha / rank comes out as theirs. `base` is the base model's folder.
// Unimplemented: DoRA, what was trained whole, an adapter on an embedding or head that are one in the base: merge
// instead.
absl::Status ExportLoraGguf(const std::filesystem::path& base, const std::filesystem::path& adapter,
                            const std::string& type, const std::filesystem::path& out);

}  // namespace lorasweep::gguf
