#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/dtype.h"

namespace lorasweep::text {

// How positions turn into rotations (RoPE), and how that is stretched for longer texts, in the words of transformers'
// modeling_rope_utils.py.
struct RopeConfig {
  enum class Scaling { kNone, kLinear, kDynamic, kLlama3, kYarn, kLongRope };
  double theta = 10000.0;
  std::int64_t dimensions = 0;  // the first so many of each head turn; even. 0: none, positions are learned
  Scaling scaling = Scaling::kNone;
  double factor = 1.0;
  std::int64_t original_max_positions = 8192;  // before stretching; all but linear
  // llama3
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  // yarn
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  bool truncate = true;
  // longrope, one for each pair of dimensions: texts within the original length, and longer ones
  std::vector<double> short_factors = {};
  std::vector<double> long_factors = {};
  double attention_factor = 1.0;  // yarn and longrope: of cosines and sines
};

enum class NormKind {
  kRms,         // weight · x / rms(x)
  kRmsPlusOne,  // (1 + weight) · x / rms(x), the product in fp32
  kLayer,       // with mean and bias
};
enum class Activation { kSilu, kGeluTanh, kGelu, kRelu };
// What a layer's linear maps are called and how they are stored: see linear_modules.h.
enum class ModuleStyle {
  kSplit,   // q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj
  kFused,   // qkv_proj, o_proj, gate_up_proj, down_proj
  kConv1d,  // GPT-2's c_attn, c_proj, c_fc, c_proj; no gate
};

// A decoder's architecture and shape, from its config.json: what tells one family from another is data here. All
// numbers were checked: they fit together and are in sane bounds (see model_config.cc), so products of them do not
// overflow.
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
  ModuleStyle modules = ModuleStyle::kSplit;
  bool qkv_bias = false;
  bool output_bias = false;  // of attention's output
  bool mlp_bias = false;
  NormKind norm = NormKind::kRms;
  double norm_eps = 0.0;
  bool qk_norm = false;         // each head of queries and keys is normed before it turns
  bool sandwich_norms = false;  // attention's and the feed-forward's outputs are normed too
  Activation activation = Activation::kSilu;
  bool learned_positions = false;  // added to the embedding; max_positions of them
  double embedding_scale = 1.0;    // of token embeddings, in the type they are stored in
  double query_scale = 0.0;        // of the products of queries and keys; mostly 1 / sqrt(head_dim)
  double attention_softcap = 0.0;  // those become cap · tanh(x / cap); 0: no cap
  double logit_softcap = 0.0;
  RopeConfig rope;
  std::optional<RopeConfig> window_rope;  // of layers with a window, where it is another
  std::vector<std::int64_t> windows;      // by layer: tokens that a token sees, with itself; 0: all before it
  bool tie_word_embeddings = false;
  std::int32_t padding_id = -1;       // nn.Embedding's padding_idx, a token whose row is never trained; -1: none
  std::int32_t bos_id = -1;           // -1: none
  std::vector<std::int32_t> eos_ids;  // of config.json and generation_config.json, without repetition
  DType dtype = DType::kF32;          // in which the weights are stored: kF32, kF16 or kBF16

  bool gated() const { return modules != ModuleStyle::kConv1d; }
  std::int64_t Window(std::int64_t layer) const {
    return windows.empty() ? 0 : windows[static_cast<std::size_t>(layer)];
  }
};

// Reads config.json, and generation_config.json where there is one, of a model's folder. Unimplemented for an
// architecture or an option whose maths this program does not have, with what is supported; InvalidArgument for a value
// without sense. Both name file, key and value.
absl::StatusOr<ModelConfig> LoadModelConfig(const std::filesystem::path& folder);

// The same from texts; `generation_json` may be empty. `where` names the folder in messages.
absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view config_json, std::string_view generation_json,
                                             const std::string& where);

}  // namespace lorasweep::text
