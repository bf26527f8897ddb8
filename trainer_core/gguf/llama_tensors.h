#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/gguf/gguf_file.h"
#include "trainer_core/gguf/llama_config.h"

namespace lorasweep::gguf {

// One tensor of the Hugging Face layout and where it comes from. Row-major: shape[0] rows (or the length of a vector).
struct TensorPlan {
  std::string name;
  std::vector<std::int64_t> shape;
  const TensorInfo* source = nullptr;  // borrowed from the file
  // > 0: the rows are those of this many heads, whose rotary pairs GGUF keeps side by side: row h*d + 2j + i of the
  // file is row h*d + i*d/2 + j of the model, with d rows a head.
  std::int64_t rotary_heads = 0;

  std::int64_t Elements() const;
};

// All tensors of the model, in the order in which it uses them. InvalidArgument: a tensor is missing or has another
// shape than the config says. Unimplemented: the file has a tensor that such a model has not.
absl::StatusOr<std::vector<TensorPlan>> PlanTensors(const GgufFile& file, const LlamaConfig& config);

// Reads a whole tensor, in the model's row order and rounded to bfloat16 (nearest, ties to even; NaN stays NaN).
absl::StatusOr<std::vector<std::uint16_t>> ReadTensor(const GgufFile& file, const TensorPlan& plan);

}  // namespace lorasweep::gguf
