#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/gguf/gguf_writer.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::gguf {

// Where a tensor of a Hugging Face model goes in a GGUF file, and what becomes of it on the way.
struct TensorTarget {
  std::string name;               // "blk.0.attn_q.weight"
  std::int64_t rotary_heads = 0;  // > 0: the two halves of each of this many heads are put side by side
  bool transposed = false;        // GPT-2's [in, out]
  bool plus_one = false;          // Gemma's norms multiply by 1 + weight
  bool always_f32 = false;        // vectors, norms and positions
};

// A family of models that llama.cpp knows: how its config and tensors are called there. As llama.cpp's
// convert_hf_to_gguf.py (conversion/*.py) has them.
class Family {
 public:
  // From config.json. Unimplemented: an architecture, or an option of one, that is not known here, with what is.
  static absl::StatusOr<Family> Make(const text::Json& config, const std::string& where);
  // The same from a model's folder; also NotFound.
  static absl::StatusOr<Family> Read(const std::filesystem::path& model);

  const std::string& architecture() const { return architecture_; }  // llama.cpp's: "llama", "gpt2"
  std::int64_t vocab_size() const { return vocab_size_; }
  bool tied() const { return tied_; }  // the head is the embedding
  bool gemma() const { return architecture_.starts_with("gemma"); }

  // Shape, rope and norms, as {architecture}.* keys. InvalidArgument names a missing or wrong key.
  absl::Status SetParameters(GgufWriter& writer) const;
  // The frequency factors of Llama 3's rope, for rope_freqs.weight; empty: none.
  absl::StatusOr<std::vector<float>> RopeFactors() const;
  // Phi-3's for long and short contexts, for rope_factors_long.weight and rope_factors_short.weight; empty: none.
  absl::StatusOr<std::vector<float>> LongRopeFactors(bool of_long) const;

  // Nothing for a tensor that a GGUF file does not hold (buffers; a head that is the embedding). Unimplemented: a
  // tensor that the family does not have. `dimensions`: of the tensor.
  absl::StatusOr<std::optional<TensorTarget>> TargetOf(const std::string& name, std::size_t dimensions) const;

 private:
  absl::StatusOr<std::int64_t> Count(const char* key, std::optional<std::int64_t> otherwise = std::nullopt) const;
  absl::Status SetRope(GgufWriter& writer) const;
  absl::Status SetGpt2(GgufWriter& writer) const;
  absl::Status SetGemma2(GgufWriter& writer) const;
  absl::Status SetGemma3(GgufWriter& writer) const;
  absl::Status SetPhi3(GgufWriter& writer) const;
  std::string Key(const char* name) const { return architecture_ + "." + name; }

  text::Json config_;
  text::Json rope_;  // rope_parameters or rope_scaling, with rope_theta in it; an object
  std::string where_;
  std::string architecture_;
  std::int64_t vocab_size_ = 0;
  std::int64_t heads_ = 0;
  std::int64_t kv_heads_ = 0;
  std::int64_t hidden_ = 0;
  bool tied_ = false;
};

}  // namespace lorasweep::gguf
