#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/gguf/gguf_file.h"

namespace lorasweep::gguf {

// Llama 3's stretching of the rotary frequencies, with the names of config.json's rope_scaling.
struct Llama3Rope {
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  std::int64_t original_max_position_embeddings = 8192;
};

// What a model of Llama's kind is made of: the content of its config.json.
struct LlamaConfig {
  std::string architecture;  // llama.cpp's: "llama", "qwen2", "qwen3"
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t intermediate = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t vocab = 0;
  std::int64_t context = 0;
  double rms_norm_eps = 0;
  double rope_theta = 0;
  double linear_rope_factor = 1;  // 1: not stretched
  std::optional<Llama3Rope> llama3_rope;
  bool qkv_bias = false;
  bool output_bias = false;  // of attention's output
  bool mlp_bias = false;
  bool tied_head = false;

  bool qk_norm() const { return architecture == "qwen3"; }
  // Whether the rows of queries and keys lie as llama.cpp turns them for Llama: pairs side by side.
  bool paired_rows() const { return architecture == "llama"; }
};

// Reads and checks the settings of a file of one of these architectures. InvalidArgument: missing, of the wrong kind or
// contradictory, naming the key. Unimplemented: another architecture, or a variant (experts, partial or YaRN rotary
// embeddings, …) that their code would compute wrongly.
absl::StatusOr<LlamaConfig> ReadLlamaConfig(const GgufFile& file);

// Finds the Llama 3 settings that give these frequency divisors (one for each pair of a head, the content of
// rope_freqs.weight); nullopt when none does.
std::optional<Llama3Rope> DeriveLlama3Rope(const std::vector<float>& divisors, double rope_theta);

// config.json of the model, for the given special token ids where there are any.
std::string ConfigJson(const LlamaConfig& config, std::optional<std::int64_t> bos_id,
                       std::optional<std::int64_t> eos_id, std::optional<std::int64_t> pad_id);

}  // namespace lorasweep::gguf
