#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/dtype.h"

namespace lorasweep::text {

// How positions turn into rotations (RoPE), and how that is stretched for longer texts.
struct RopeConfig {
  enum class Scaling { kNone, kLinear, kLlama3 };
  double theta = 10000.0;
  Scaling scaling = Scaling::kNone;
  double factor = 1.0;  // linear and llama3
  // llama3 only
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  std::int64_t original_max_positions = 8192;
};

// The shape of a Llama model, from its config.json. All numbers were checked: they fit together and are in sane
// bounds (see model_config.cc), so products of them do not overflow.
struct ModelConfig {
  std::string architecture;  // "LlamaForCausalLM"
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // divides heads
  std::int64_t head_dim = 0;  // even; heads * head_dim may differ from hidden_size
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;
  double rms_norm_eps = 0.0;
  RopeConfig rope;
  bool tie_word_embeddings = false;
  bool attention_bias = false;
  bool mlp_bias = false;
  std::int32_t bos_id = -1;           // -1: none
  std::vector<std::int32_t> eos_ids;  // of config.json and generation_config.json, without repetition
  DType dtype = DType::kF32;          // in which the weights are stored: kF32, kF16 or kBF16
};

// Reads config.json, and generation_config.json where there is one, of a model's folder. Unimplemented for an
// architecture or an option whose maths this program does not have, with what is supported; InvalidArgument for a value
// without sense. Both name file, key and value.
absl::StatusOr<ModelConfig> LoadModelConfig(const std::filesystem::path& folder);

// The same from texts; `generation_json` may be empty. `where` names the folder in messages.
absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view config_json, std::string_view generation_json,
                                             const std::string& where);

}  // namespace lorasweep::text
