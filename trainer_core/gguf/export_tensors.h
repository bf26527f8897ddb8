#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/gguf/family.h"
#include "trainer_core/gguf/gguf_writer.h"
#include "trainer_core/text/safetensors.h"

namespace lorasweep::gguf {

// One tensor of a GGUF file and where it comes from.
struct ExportTensor {
  TensorTarget target;
  text::TensorView source;                 // borrowed
  std::optional<std::vector<float>> made;  // computed instead of read
  text::DType dtype = text::DType::kF32;   // in the file
  std::vector<std::int64_t> shape;         // in the file, rows first
};

// All tensors of a model that a GGUF file of `family` holds, matrices in `dtype` and the rest in F32. Unimplemented: a
// tensor without a place there; InvalidArgument: a type that holds no weights, a shape that does not fit.
absl::StatusOr<std::vector<ExportTensor>> PlanExport(const text::Safetensors& model, const Family& family,
                                                     text::DType dtype);

// Row `row` of a GGUF matrix whose rows are those of rotary heads of `head_dim` rows is this row of Hugging Face's.
std::int64_t SourceRow(std::int64_t row, std::int64_t head_dim);

// Passes the tensor's bytes as the file has them to the sink.
absl::Status WriteTensor(const ExportTensor& tensor, const TensorSink& sink);

}  // namespace lorasweep::gguf
