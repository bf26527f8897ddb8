#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "trainer_core/text/dtype.h"

namespace lorasweep::gguf {

// A type of weights that is written without quantising.
struct PlainType {
  const char* name;
  text::DType dtype;
  std::int64_t file_type;  // llama_ftype
};

inline constexpr PlainType kPlainTypes[] = {
    {"f32", text::DType::kF32, 0}, {"f16", text::DType::kF16, 1}, {"bf16", text::DType::kBF16, 32}};

// Null for another type.
const PlainType* FindPlainType(const std::string& name);

// AlreadyExists: the file to write is there.
absl::Status CheckNew(const std::filesystem::path& out);

}  // namespace lorasweep::gguf
