#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/dtype.h"

namespace lorasweep::text {

// One entry of a file's header.
struct HeaderTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // of its bytes, counted from the end of the header
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<HeaderTensor> tensors;  // by begin
  std::map<std::string, std::string> metadata;
  std::uint64_t data_offset = 0;  // where in the file the data begins
};

// Reads and checks the header of a file whose content is `bytes`: sizes, types, shapes, and that the tensors' bytes
// cover the data without gap or overlap. InvalidArgument begins with `file`.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view bytes, const std::string& file);

// Bytes of a tensor; InvalidArgument when a size is negative or the product does not fit.
absl::StatusOr<std::uint64_t> TensorBytes(DType dtype, const std::vector<std::int64_t>& shape);

}  // namespace lorasweep::text
