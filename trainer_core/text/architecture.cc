#include "trainer_core/text/architecture.h"

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer_core/text/rope_config.h"

namespace lorasweep::text {
namespace {

// Bounds far beyond real models (the largest Llama has 126 layers of width 16384), so that no product of two of them
// overflows.
constexpr std::int64_t kMostWidth = 1 << 20;
constexpr std::int64_t kMostLayers = 4096;
constexpr std::int64_t kMostHeads = 1 << 14;
constexpr std::int64_t kMostVocabulary = 1 << 24;
constexpr std::int64_t kMostPositions = std::int64_t{1} << 32;

// How a layer's window follows from the config, where "layer_types" does not say it.
enum class WindowRule {
  kNone,
  kEvery,      // "sliding_window" in every layer
  kUpper,      // with "use_sliding_window", from layer "max_window_layers" on
  kAlternate,  // in every second layer, beginning with the first
  kPattern,    // in all but every "sliding_window_pattern"-th
};
enum class BiasRule { kNone, kQkv, kAttentionFlag, kBothFlags, kAll };

// What tells one family of decoders from another, and what its config.json may leave out.
struct Family {
  const char* architecture;
  ModuleStyle modules = ModuleStyle::kSplit;
  NormKind norm = NormKind::kRms;
  const char* norm_eps_key = "rms_norm_eps";
  double norm_eps = 1e-6;
  std::vector<const char*> activation_keys = {"hidden_act"};
  const char* activation = "silu";
  BiasRule biases = BiasRule::kNone;
  WindowRule windows = WindowRule::kNone;
  std::int64_t window = 4096;  // where the rule asks for one that is not given
  bool qk_norm = false;
  bool sandwich_norms = false;
  bool scaled_embedding = false;  // by the root of its width
  bool query_scalar = false;      // "query_pre_attn_scalar"
  double attention_softcap = 0;
  double logit_softcap = 0;
  bool softcaps = false;  // "attn_logit_softcapping" and "final_logit_softcapping"
  bool tied = false;
  std::int64_t head_dim = 0;     // 0: hidden_size / heads
  std::int32_t padding_id = -1;  // "pad_token_id"
  RopeDefaults rope = {};
};

const std::vector<Family>& Families() {
  static const auto* families = new std::vector<Family>{
      {.architecture = "LlamaForCausalLM", .biases = BiasRule::kBothFlags},
      {.architecture = "MistralForCausalLM", .windows = WindowRule::kEvery},
      {.architecture = "Qwen2ForCausalLM", .biases = BiasRule::kQkv, .windows = WindowRule::kUpper},
      {.architecture = "Qwen3ForCausalLM",
       .biases = BiasRule::kAttentionFlag,
       .windows = WindowRule::kUpper,
       .qk_norm = true,
       .head_dim = 128},
      {.architecture = "GPT2LMHeadModel",
       .modules = ModuleStyle::kConv1d,
       .norm = NormKind::kLayer,
       .norm_eps_key = "layer_norm_epsilon",
       .norm_eps = 1e-5,
       .activation_keys = {"activation_function"},
       .activation = "gelu_new",
       .biases = BiasRule::kAll,
       .tied = true},
      {.architecture = "GemmaForCausalLM",
       .norm = NormKind::kRmsPlusOne,
       .activation_keys = {"hidden_activation", "hidden_act"},
       .activation = "gelu_pytorch_tanh",
       .biases = BiasRule::kAttentionFlag,
       .scaled_embedding = true,
       .tied = true,
       .head_dim = 256,
       .padding_id = 0},
      {.architecture = "Gemma2ForCausalLM",
       .norm = NormKind::kRmsPlusOne,
       .activation_keys = {"hidden_activation"},
       .activation = "gelu_pytorch_tanh",
       .biases = BiasRule::kAttentionFlag,
       .windows = WindowRule::kAlternate,
       .sandwich_norms = true,
       .scaled_embedding = true,
       .query_scalar = true,
       .attention_softcap = 50,
       .logit_softcap = 30,
       .softcaps = true,
       .tied = true,
       .head_dim = 256,
       .padding_id = 0},
      {.architecture = "Gemma3ForCausalLM",
       .norm = NormKind::kRmsPlusOne,
       .activation_keys = {"hidden_activation"},
       .activation = "gelu_pytorch_tanh",
       .biases = BiasRule::kAttentionFlag,
       .windows = WindowRule::kPattern,
       .qk_norm = true,
       .sandwich_norms = true,
       .scaled_embedding = true,
       .query_scalar = true,
       .softcaps = true,
       .tied = true,
       .head_dim = 256,
       .padding_id = 0,
       .rope = {.theta = 1e6, .window_theta = 1e4}},
      {.architecture = "Phi3ForCausalLM",
       .modules = ModuleStyle::kFused,
       .norm_eps = 1e-5,
       .windows = WindowRule::kEvery,
       .padding_id = 32000,
       .rope = {.partial = true, .old_long_names = true, .original_max_positions = 4096}}};
  return *families;
}

// Null, and the reason in the reader, where the architecture is none of these.
const Family* ReadFamily(FieldReader& root) {
  std::string known;
  for (const Family& family : Families()) absl::StrAppend(&known, known.empty() ? "" : ", ", family.architecture);
  const Json* list = FindField(root.object(), "architectures");
  if (list == nullptr || !list->is_array() || list->size() != 1 || !(*list)[0].is_string()) {
    root.Invalid(absl::StrCat("\"architectures\" is ", list == nullptr ? "missing" : ShowJson(*list),
                              ", expected a list of one name; supported are ", known));
    return nullptr;
  }
  const auto name = (*list)[0].get<std::string>();
  for (const Family& family : Families()) {
    if (name == family.architecture) return &family;
  }
  root.Unsupported(absl::StrCat("architecture \"", name, "\" is not supported; supported are ", known));
  return nullptr;
}

// What changes the mathematics in a way that is not here.
void RefuseOptions(FieldReader& root, const Family& family) {
  for (const char* key : {"use_bidirectional_attention", "scale_attn_by_inverse_layer_idx", "add_cross_attention"}) {
    if (root.Has(key) && root.Bool(key, false))
      root.Unsupported(absl::StrCat("\"", key, "\" is true; supported is false"));
  }
  if (root.Has("quantization_config")) {
    root.Unsupported("\"quantization_config\" is set; weights must be F32, F16 or BF16");
  }
  // transformers' Gemma 3 reads this and does not apply it.
  if (family.softcaps && family.qk_norm && root.Has("attn_logit_softcapping")) {
    root.Unsupported("\"attn_logit_softcapping\" is set; this architecture has none");
  }
}

void ReadSizes(FieldReader& root, const Family& family, ModelConfig& config) {
  const bool gpt2 = family.modules == ModuleStyle::kConv1d;
  const auto size = [&](const char* key, const char* gpt2_key, std::int64_t most) {
    return root.Int(gpt2 && root.Has(gpt2_key) ? gpt2_key : key, std::nullopt, 1, most);
  };
  config.hidden_size = size("hidden_size", "n_embd", kMostWidth);
  config.layers = size("num_hidden_layers", "n_layer", kMostLayers);
  config.heads = size("num_attention_heads", "n_head", kMostHeads);
  config.max_positions = size("max_position_embeddings", "n_positions", kMostPositions);
  config.vocab_size = root.Int("vocab_size", std::nullopt, 1, kMostVocabulary);
  config.intermediate_size = gpt2 ? root.Int("n_inner", 4 * config.hidden_size, 1, kMostWidth)
                                  : root.Int("intermediate_size", std::nullopt, 1, kMostWidth);
  if (!root.ok()) return;
  config.kv_heads = gpt2 ? config.heads : root.Int("num_key_value_heads", config.heads, 1, config.heads);
  if (root.ok() && config.heads % config.kv_heads != 0) {
    root.Invalid(absl::StrCat("\"num_key_value_heads\" is ", config.kv_heads,
                              ", which does not divide num_attention_heads, ", config.heads));
  }
  const bool derived = gpt2 || (family.head_dim == 0 && !root.Has("head_dim"));
  if (derived && config.hidden_size % config.heads != 0) {
    root.Invalid(absl::StrCat("\"num_attention_heads\" is ", config.heads, ", which does not divide hidden_size, ",
                              config.hidden_size));
  }
  const std::int64_t usual = family.head_dim > 0 ? family.head_dim : config.hidden_size / config.heads;
  config.head_dim = derived ? usual : root.Int("head_dim", usual, 1, 1 << 14);
  if (root.ok() && config.head_dim % 2 != 0) {
    root.Invalid(absl::StrCat("heads have the odd size ", config.head_dim, "; RoPE turns pairs"));
  }
}

Activation ReadActivation(FieldReader& root, const Family& family) {
  const char* key = family.activation_keys.back();
  for (const char* candidate : family.activation_keys) {
    if (root.Has(candidate)) key = candidate;
  }
  const std::string name = root.String(key, family.activation);
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::kGeluTanh;
  // Gemma's first configs say "gelu" and mean the other, which transformers puts right.
  if (name == "gelu")
    return std::string_view(family.architecture) == "GemmaForCausalLM" ? Activation::kGeluTanh : Activation::kGelu;
  if (name == "relu") return Activation::kRelu;
  root.Unsupported(absl::StrCat("\"", key, "\" is \"", name,
                                "\"; supported are \"silu\", \"gelu_pytorch_tanh\", \"gelu_new\", \"gelu\", \"relu\""));
  return Activation::kSilu;
}

void ReadBiases(FieldReader& root, const Family& family, ModelConfig& config) {
  const bool flags = family.biases == BiasRule::kAttentionFlag || family.biases == BiasRule::kBothFlags;
  const bool all = family.biases == BiasRule::kAll;
  const bool attention = all || (flags && root.Bool("attention_bias", false));
  config.qkv_bias = attention || family.biases == BiasRule::kQkv;
  config.output_bias = attention;
  config.mlp_bias = all || (family.biases == BiasRule::kBothFlags && root.Bool("mlp_bias", false));
}

// A cap that null switches off, and that an absent key leaves as it is.
double ReadSoftcap(FieldReader& root, const char* key, double usual) {
  const auto found = root.object().find(key);
  if (found != root.object().end() && found->is_null()) return 0;
  return root.Number(key, usual, 0.0, 1e6);
}

void ReadWindows(FieldReader& root, const Family& family, ModelConfig& config) {
  if (family.windows == WindowRule::kNone) return;
  const bool given = root.object().contains("sliding_window");
  std::int64_t window =
      root.Int("sliding_window", given || family.windows == WindowRule::kEvery ? 0 : family.window, 0, kMostPositions);
  if (family.windows == WindowRule::kUpper && !root.Bool("use_sliding_window", false)) window = 0;
  const auto layers = static_cast<std::size_t>(config.layers);
  std::vector<std::string> types;
  if (family.windows != WindowRule::kEvery && root.Has("layer_types")) types = root.Strings("layer_types", layers);
  const std::int64_t first = root.Int("max_window_layers", 28, 0, kMostLayers);
  const char* const pattern_key =
      root.Has("sliding_window_pattern") ? "sliding_window_pattern" : "_sliding_window_pattern";
  const std::int64_t pattern = root.Int(pattern_key, 6, 1, kMostLayers);
  if (!root.ok() || window == 0) return;
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    bool slides = family.windows == WindowRule::kEvery || (family.windows == WindowRule::kUpper && layer >= first) ||
                  (family.windows == WindowRule::kAlternate && layer % 2 == 0) ||
                  (family.windows == WindowRule::kPattern && (layer + 1) % pattern != 0);
    if (!types.empty()) {
      const std::string& type = types[static_cast<std::size_t>(layer)];
      slides = type == "sliding_attention";
      if (!slides && type != "full_attention") {
        root.Unsupported(absl::StrCat("\"layer_types\" has \"", type,
                                      "\"; supported are \"full_attention\", \"sliding_attention\""));
      }
    }
    config.windows.push_back(slides ? window : 0);
  }
}

// The embedding's padding_idx. GPT-2's has none.
std::int32_t ReadPadding(const FieldReader& root, const Family& family, const ModelConfig& config) {
  if (family.modules == ModuleStyle::kConv1d) return -1;
  const auto found = root.object().find("pad_token_id");
  if (found == root.object().end()) return family.padding_id < config.vocab_size ? family.padding_id : -1;
  const bool fits = found->is_number_unsigned() && found->get<std::int64_t>() < config.vocab_size;
  return fits ? found->get<std::int32_t>() : -1;
}

DType ReadDType(FieldReader& root) {
  const char* key = root.Has("dtype") ? "dtype" : "torch_dtype";
  const std::string name = root.String(key, "float32");
  if (name == "float32") return DType::kF32;
  if (name == "float16") return DType::kF16;
  if (name == "bfloat16") return DType::kBF16;
  root.Unsupported(
      absl::StrCat("\"", key, "\" is \"", name, "\"; supported are \"float32\", \"float16\", \"bfloat16\""));
  return DType::kF32;
}

}  // namespace

void ReadArchitecture(FieldReader& root, ModelConfig& config) {
  const Family* family = ReadFamily(root);
  if (family == nullptr) return;
  config.architecture = family->architecture;
  config.modules = family->modules;
  config.norm = family->norm;
  config.qk_norm = family->qk_norm;
  config.sandwich_norms = family->sandwich_norms;
  RefuseOptions(root, *family);
  ReadSizes(root, *family, config);
  if (!root.ok()) return;
  config.norm_eps = root.Number(family->norm_eps_key, family->norm_eps, 0.0, 1.0);
  config.activation = ReadActivation(root, *family);
  ReadBiases(root, *family, config);
  ReadWindows(root, *family, config);
  if (family->scaled_embedding) config.embedding_scale = std::sqrt(static_cast<double>(config.hidden_size));
  double scalar = static_cast<double>(config.head_dim);
  if (family->query_scalar) scalar = root.Number("query_pre_attn_scalar", 256.0, 1e-6, 1e9);
  config.query_scale = 1.0 / std::sqrt(scalar);
  if (family->softcaps) {
    config.attention_softcap = ReadSoftcap(root, "attn_logit_softcapping", family->attention_softcap);
    config.logit_softcap = ReadSoftcap(root, "final_logit_softcapping", family->logit_softcap);
  }
  config.tie_word_embeddings = root.Bool("tie_word_embeddings", family->tied);
  config.padding_id = ReadPadding(root, *family, config);
  config.dtype = ReadDType(root);
  if (family->modules == ModuleStyle::kConv1d) {
    config.learned_positions = true;
    if (!root.Bool("scale_attn_weights", true)) config.query_scale = 1.0;
  } else {
    ReadRope(root, family->rope, config);
  }
}

}  // namespace lorasweep::text
