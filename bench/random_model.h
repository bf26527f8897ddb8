#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace lorasweep::bench {

// A Llama's shape.
struct ModelShape {
  std::int64_t hidden = 256;
  std::int64_t inner = 704;
  std::int64_t layers = 6;
  std::int64_t heads = 8;
  std::int64_t kv_heads = 4;
  std::int64_t vocabulary = 2048;
};

// Shapes that benchmarks know by name: tiny (0.3 million parameters), middle (7 million) and 1b (Llama 3.2 1B's).
std::optional<ModelShape> ShapeNamed(std::string_view name);

// Writes such a model with random weights in bf16: as fast and as large in memory as a trained one.
absl::Status WriteRandomModel(const ModelShape& shape, const std::filesystem::path& folder);

}  // namespace lorasweep::bench
