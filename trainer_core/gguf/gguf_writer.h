#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "trainer_core/text/dtype.h"

namespace lorasweep::gguf {

// Takes the next bytes of a tensor, in order, in portions of any size.
using TensorSink = std::function<absl::Status(std::span<const std::byte>)>;

// Makes one GGUF file: first everything that it says about itself and the names of its tensors, then their bytes.
//
//   GgufWriter writer;
//   writer.SetText("general.architecture", "llama");
//   writer.AddTensor("output_norm.weight", text::DType::kF32, {576});
//   absl::Status status = writer.Write("model.gguf", produce);
//
// A key that is set again takes the new value. Not thread-safe.
class GgufWriter {
 public:
  GgufWriter();
  ~GgufWriter();
  GgufWriter(GgufWriter&&) noexcept;

  void SetText(const std::string& key, const std::string& value);
  void SetCount(const std::string& key, std::int64_t value);  // uint32
  void SetReal(const std::string& key, double value);         // float32
  void SetBool(const std::string& key, bool value);
  void SetTexts(const std::string& key, const std::vector<std::string>& values);
  void SetIntegers(const std::string& key, const std::vector<std::int32_t>& values);
  void SetReals(const std::string& key, const std::vector<float>& values);

  // `dtype`: F32, F16 or BF16; `shape` as Hugging Face has it, rows first, at most four numbers. The name is new.
  // InvalidArgument: ggml has no room for the name or shape.
  absl::Status AddTensor(const std::string& name, text::DType dtype, const std::vector<std::int64_t>& shape);

  // Writes the file, which appears whole or not at all. `produce` is called once for each tensor in the order in which
  // they were added, and passes exactly the tensor's bytes to the sink; an error of it ends the writing.
  absl::Status Write(const std::filesystem::path& file,
                     const std::function<absl::Status(const std::string& name, const TensorSink&)>& produce) const;

 private:
  struct Contents;
  std::unique_ptr<Contents> contents_;
};

}  // namespace lorasweep::gguf
