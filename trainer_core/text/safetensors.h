#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/dtype.h"
#include "trainer_core/text/mapped_file.h"

// Reading tensors from safetensors files, without copying them:
//
//   absl::StatusOr<Safetensors> model = Safetensors::Open("SmolLM2-135M");
//   const TensorView* norm = model->Find("model.norm.weight");
namespace lorasweep::text {

// A tensor: row-major, little-endian. Does not own its bytes.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;   // empty for a scalar
  std::span<const std::byte> bytes;  // exactly the product of the shape times the element size
};

// The tensors of one file, or of a model in several. The files are mapped into memory and stay so as long as a copy of
// this object lives; they must not be cut short meanwhile (replacing them by rename is fine). Immutable, for any
// thread.
class Safetensors {
 public:
  // `path` is a .safetensors file, or a folder with model.safetensors or with model.safetensors.index.json and the
  // files that it names. Checks every field of every header before anything is handed out: InvalidArgument names the
  // file, the tensor and what is wrong. NotFound when there is nothing to read.
  static absl::StatusOr<Safetensors> Open(const std::filesystem::path& path);

  // In the order of their names.
  const std::vector<TensorView>& tensors() const { return tensors_; }
  // Null when there is no tensor of that name.
  const TensorView* Find(std::string_view name) const;
  // `__metadata__` of the file, of all files joined.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  absl::Status AddFile(const std::filesystem::path& file);
  absl::Status AddShards(const std::filesystem::path& index);
  absl::Status Finish();

  std::vector<std::shared_ptr<const MappedFile>> mappings_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace lorasweep::text
