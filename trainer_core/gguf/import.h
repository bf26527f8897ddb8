#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "absl/status/status.h"

namespace lorasweep::gguf {

// Called after each tensor: bytes of the new model written so far, and in all.
using ImportProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// Turns a GGUF file of a Llama, Qwen2 or Qwen3 model (any of ggml's weight types) into a folder as Hugging Face lays it
// out: config.json, generation_config.json, model.safetensors (bfloat16), tokenizer.json, tokenizer_config.json with
// the chat template, special_tokens_map.json.
//
// The folder appears whole or not at all: it is written beside `out_folder` and renamed. Memory: one tensor at a time.
// AlreadyExists: `out_folder` exists and is not an empty folder. NotFound: no such file. InvalidArgument: not a GGUF
// file, damaged or cut off. Unimplemented: an architecture, variant or tokenizer that is not known; all name what.
absl::Status ImportGguf(const std::filesystem::path& gguf, const std::filesystem::path& out_folder,
                        const ImportProgress& progress = {});

}  // namespace lorasweep::gguf
