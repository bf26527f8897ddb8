#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace lorasweep::gguf {

// The only door to llama.cpp's quantiser.

// "q4_k_m" and so on: the types that need no importance matrix, best first.
std::vector<std::string> QuantizedTypes();

// Quantises a GGUF file in f32, f16 or bf16 into `out`, which is overwritten. Uses all cores. InvalidArgument: an
// unknown type. Internal: llama.cpp's own words.
absl::Status QuantizeGguf(const std::filesystem::path& in, const std::string& type, const std::filesystem::path& out);

}  // namespace lorasweep::gguf
