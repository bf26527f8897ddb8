#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lorasweep::gguf {

// A tensor of the file, as ggml stores it: dimensions[0] is the innermost (the inputs of a linear layer).
struct TensorInfo {
  std::string name;
  std::string type;  // ggml's name for it: f32, q4_1, …
  std::vector<std::int64_t> dimensions;
  std::int64_t id = 0;  // place in the file's list

  std::int64_t Columns() const { return dimensions.empty() ? 1 : dimensions[0]; }
  std::int64_t Rows() const;
};

// Read access to one GGUF file: what it says about itself and its tensors as floats. Opening checks the whole header
// and that every tensor lies inside the file, so nothing here crashes on a damaged one.
//
//   auto file = GgufFile::Open("model.gguf");
//   auto layers = file->Integer("llama.block_count");
//   for (const TensorInfo& tensor : file->Tensors()) file->ReadRows(tensor, 0, tensor.Rows(), buffer.data());
//
// Metadata: a missing key is NotFound, a value of another kind InvalidArgument, both naming the key; integers of any
// width and sign are one kind. Not thread-safe.
class GgufFile {
 public:
  // NotFound: no such file. InvalidArgument: not a GGUF file, damaged or cut off; the message says where.
  static absl::StatusOr<GgufFile> Open(const std::filesystem::path& path);

  GgufFile(GgufFile&&) noexcept;
  GgufFile& operator=(GgufFile&&) noexcept;
  ~GgufFile();

  const std::filesystem::path& Path() const;

  bool Has(std::string_view key) const;
  absl::StatusOr<std::int64_t> Integer(std::string_view key) const;
  absl::StatusOr<double> Real(std::string_view key) const;  // integers count as reals
  absl::StatusOr<bool> Bool(std::string_view key) const;
  absl::StatusOr<std::string> Text(std::string_view key) const;
  absl::StatusOr<std::vector<std::int64_t>> Integers(std::string_view key) const;
  absl::StatusOr<std::vector<double>> Reals(std::string_view key) const;
  absl::StatusOr<std::vector<std::string>> Texts(std::string_view key) const;

  const std::vector<TensorInfo>& Tensors() const;
  // Null when there is none of that name. Valid as long as the file.
  const TensorInfo* FindTensor(std::string_view name) const;

  // Dequantises rows [first, first + count) of a tensor of this file into `out`, count * Columns() floats.
  // Unimplemented: ggml cannot turn this type into floats. DataLoss: the file could not be read.
  absl::Status ReadRows(const TensorInfo& tensor, std::int64_t first, std::int64_t count, float* out) const;

 private:
  struct Contents;
  explicit GgufFile(std::unique_ptr<Contents> contents);
  std::unique_ptr<Contents> contents_;
};

}  // namespace lorasweep::gguf
