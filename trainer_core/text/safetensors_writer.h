#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/safetensors.h"

namespace lorasweep::text {

using TensorMetadata = std::map<std::string, std::string>;

// Writes a safetensors file that every reader of the format accepts. The file appears whole or not at all: it is
// written beside `file`, flushed to the disk (unless it need only be visible) and renamed. Names must be unique and not
// "__metadata__"; each tensor's bytes must have the size that its shape and type ask for. Equal input gives equal
// files.
absl::Status WriteSafetensors(const std::filesystem::path& file, std::span<const TensorView> tensors,
                              const TensorMetadata& metadata = {}, Durability durability = Durability::kOnDisk);

// What is known of a tensor before its bytes are.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
};

// Takes the next bytes of a tensor, in order, in portions of any size.
using TensorSink = std::function<absl::Status(std::span<const std::byte>)>;

// The same for tensors that do not all fit into memory: `produce` is called once for each tensor, in the order of the
// file (not that of `tensors`), and passes exactly the tensor's bytes to the sink. An error of it ends the writing.
absl::Status StreamSafetensors(const std::filesystem::path& file, std::vector<TensorSpec> tensors,
                               const TensorMetadata& metadata,
                               const std::function<absl::Status(const TensorSpec&, const TensorSink&)>& produce,
                               Durability durability = Durability::kOnDisk);

}  // namespace lorasweep::text
