#include "trainer_core/gguf/family.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/file.h"

namespace lorasweep::gguf {
namespace {

using text::Json;

constexpr std::int64_t kMostCount = std::int64_t{1} << 31;
constexpr double kLargest = 1e30;
constexpr std::size_t kLargestConfig = 16 << 20;

struct Known {
  std::string_view class_name;
  std::string_view architecture;
};

constexpr Known kKnown[] = {
    {"LlamaForCausalLM", "llama"},   {"MistralForCausalLM", "llama"}, {"Qwen2ForCausalLM", "qwen2"},
    {"Qwen3ForCausalLM", "qwen3"},   {"GPT2LMHeadModel", "gpt2"},     {"GemmaForCausalLM", "gemma"},
    {"Gemma2ForCausalLM", "gemma2"}, {"Gemma3ForCausalLM", "gemma3"}, {"Phi3ForCausalLM", "phi3"}};

// Names inside a layer, without .weight and .bias.
std::string_view InLayer(const std::string& name, bool gemma_norms) {
  static const std::map<std::string_view, std::string_view> names = {{"input_layernorm", "attn_norm"},
                                                                     {"self_attn.q_proj", "attn_q"},
                                                                     {"self_attn.k_proj", "attn_k"},
                                                                     {"self_attn.v_proj", "attn_v"},
                                                                     {"self_attn.qkv_proj", "attn_qkv"},
                                                                     {"self_attn.o_proj", "attn_output"},
                                                                     {"self_attn.q_norm", "attn_q_norm"},
                                                                     {"self_attn.k_norm", "attn_k_norm"},
                                                                     {"pre_feedforward_layernorm", "ffn_norm"},
                                                                     {"post_feedforward_layernorm", "post_ffw_norm"},
                                                                     {"mlp.gate_proj", "ffn_gate"},
                                                                     {"mlp.up_proj", "ffn_up"},
                                                                     {"mlp.gate_up_proj", "ffn_up"},
                                                                     {"mlp.down_proj", "ffn_down"},
                                                                     {"ln_1", "attn_norm"},
                                                                     {"attn.c_attn", "attn_qkv"},
                                                                     {"attn.c_proj", "attn_output"},
                                                                     {"ln_2", "ffn_norm"},
                                                                     {"mlp.c_fc", "ffn_up"},
                                                                     {"mlp.c_proj", "ffn_down"}};
  if (name == "post_attention_layernorm") return gemma_norms ? "post_attention_norm" : "ffn_norm";
  const auto found = names.find(name);
  return found == names.end() ? std::string_view() : found->second;
}

std::string_view OutsideLayers(const std::string& name) {
  static const std::map<std::string_view, std::string_view> names = {
      {"embed_tokens", "token_embd"}, {"norm", "output_norm"},  {"lm_head", "output"},
      {"wte", "token_embd"},          {"wpe", "position_embd"}, {"ln_f", "output_norm"}};
  const auto found = names.find(name);
  return found == names.end() ? std::string_view() : found->second;
}

}  // namespace

absl::StatusOr<Family> Family::Make(const Json& config, const std::string& where) {
  Family family;
  family.config_ = config;
  family.where_ = where;
  const Json* classes = text::FindField(config, "architectures");
  const std::string name =
      classes != nullptr && classes->is_array() && !classes->empty() && classes->front().is_string()
          ? classes->front().get<std::string>()
          : "";
  std::string supported;
  for (const Known& known : kKnown) {
    if (known.class_name == name) family.architecture_ = known.architecture;
    absl::StrAppend(&supported, supported.empty() ? "" : ", ", std::string{known.class_name});
  }
  if (family.architecture_.empty()) {
    return absl::UnimplementedError(absl::StrCat(where, ": architectures: ", name.empty() ? "nothing" : name,
                                                 " cannot be written as GGUF here; supported are ", supported));
  }
  const bool gpt2 = family.architecture_ == "gpt2";
  for (const auto& [key, count] : {std::pair{"vocab_size", &family.vocab_size_},
                                   std::pair{gpt2 ? "n_head" : "num_attention_heads", &family.heads_},
                                   std::pair{gpt2 ? "n_embd" : "hidden_size", &family.hidden_}}) {
    const auto value = family.Count(key);
    if (!value.ok()) return value.status();
    *count = *value;
  }
  const auto kv_heads = family.Count("num_key_value_heads", family.heads_);
  if (!kv_heads.ok()) return kv_heads.status();
  family.kv_heads_ = *kv_heads;
  const auto tied = text::BoolField(config, "tie_word_embeddings", family.gemma() || gpt2, where);
  if (!tied.ok()) return tied.status();
  family.tied_ = *tied;

  const Json* rope = text::FindField(config, "rope_parameters");
  if (rope == nullptr) rope = text::FindField(config, "rope_scaling");
  family.rope_ = rope != nullptr && rope->is_object() ? *rope : Json::object();
  if (!family.rope_.contains("full_attention")) {
    if (!family.rope_.contains("rope_theta") && config.contains("rope_theta")) {
      family.rope_["rope_theta"] = config["rope_theta"];
    }
    if (!family.rope_.contains("rope_type") && family.rope_.contains("type")) {
      family.rope_["rope_type"] = family.rope_["type"];
    }
    if (config.contains("rope_local_base_freq")) {
      family.rope_["sliding_attention"] = {{"rope_theta", config["rope_local_base_freq"]}};
    }
  }
  return family;
}

absl::StatusOr<Family> Family::Read(const std::filesystem::path& model) {
  const std::string where = (model / "config.json").string();
  const auto text = text::ReadFile(where, kLargestConfig);
  if (!text.ok()) return text.status();
  const auto json = text::ParseJson(*text, where);
  if (!json.ok()) return json.status();
  return Make(*json, where);
}

absl::StatusOr<std::int64_t> Family::Count(const char* key, std::optional<std::int64_t> otherwise) const {
  return text::IntField(config_, key, otherwise, 0, kMostCount, where_);
}

absl::Status Family::SetRope(GgufWriter& writer) const {
  const Json* full = text::FindField(rope_, "full_attention");
  const Json& rope = full != nullptr && full->is_object() ? *full : rope_;
  const auto type = text::StringField(rope, "rope_type", "default", where_);
  if (!type.ok()) return type.status();
  if (*type == "linear" || *type == "yarn") {
    const auto factor = text::NumberField(rope, "factor", std::nullopt, 0, kLargest, where_);
    if (!factor.ok()) return factor.status();
    writer.SetText(Key("rope.scaling.type"), *type);
    writer.SetReal(Key("rope.scaling.factor"), *factor);
  }
  if (*type == "yarn") {
    const auto original = text::IntField(rope, "original_max_position_embeddings", std::nullopt, 1, kMostCount, where_);
    if (!original.ok()) return original.status();
    writer.SetCount(Key("rope.scaling.original_context_length"), *original);
    for (const auto& [from, to] : {std::pair{"attention_factor", "rope.scaling.yarn_attn_factor"},
                                   std::pair{"beta_fast", "rope.scaling.yarn_beta_fast"},
                                   std::pair{"beta_slow", "rope.scaling.yarn_beta_slow"}}) {
      if (text::FindField(rope, from) == nullptr) continue;
      const auto value = text::NumberField(rope, from, std::nullopt, 0, kLargest, where_);
      if (!value.ok()) return value.status();
      writer.SetReal(Key(to), *value);
    }
  } else if (*type != "default" && *type != "linear" && *type != "llama3" && *type != "longrope" && *type != "su") {
    return absl::UnimplementedError(absl::StrCat(where_, ": rope_type ", *type, " cannot be written as GGUF here"));
  }
  if (text::FindField(rope, "rope_theta") != nullptr) {
    const auto theta = text::NumberField(rope, "rope_theta", std::nullopt, 0, kLargest, where_);
    if (!theta.ok()) return theta.status();
    writer.SetReal(Key("rope.freq_base"), *theta);
  }
  const Json* sliding = text::FindField(rope_, "sliding_attention");
  if (sliding == nullptr) return absl::OkStatus();
  const auto theta = text::NumberField(*sliding, "rope_theta", 10000.0, 0, kLargest, where_);
  if (!theta.ok()) return theta.status();
  writer.SetReal(Key("rope.freq_base_swa"), *theta);
  return absl::OkStatus();
}

absl::Status Family::SetParameters(GgufWriter& writer) const {
  if (architecture_ == "gpt2") return SetGpt2(writer);
  // phi3's and gemma's files say less than the others, but this much alike.
  for (const auto& [from, to] :
       {std::pair{"num_hidden_layers", "block_count"}, std::pair{"max_position_embeddings", "context_length"},
        std::pair{"hidden_size", "embedding_length"}, std::pair{"intermediate_size", "feed_forward_length"}}) {
    const auto value = Count(from);
    if (!value.ok()) return value.status();
    writer.SetCount(Key(to), *value);
  }
  writer.SetCount(Key("attention.head_count"), heads_);
  // Where the config does not say, transformers takes as many as there are heads, and the converter writes nothing.
  const bool says_kv = text::FindField(config_, "num_key_value_heads") != nullptr;
  if (says_kv || gemma() || architecture_ == "phi3") writer.SetCount(Key("attention.head_count_kv"), kv_heads_);
  const auto epsilon = text::NumberField(config_, "rms_norm_eps", std::nullopt, 0, 1, where_);
  if (!epsilon.ok()) return epsilon.status();
  writer.SetReal(Key("attention.layer_norm_rms_epsilon"), *epsilon);
  if (architecture_ == "phi3") return SetPhi3(writer);

  const bool says_head = text::FindField(config_, "head_dim") != nullptr;
  const auto head = Count("head_dim", architecture_ == "gemma3" ? 256 : hidden_ / std::max<std::int64_t>(1, heads_));
  if (!head.ok()) return head.status();
  if (says_head || gemma()) {
    writer.SetCount(Key("attention.key_length"), *head);
    writer.SetCount(Key("attention.value_length"), *head);
  }
  if (architecture_ == "gemma") return absl::OkStatus();
  if (architecture_ == "gemma2") return SetGemma2(writer);
  if (absl::Status set = SetRope(writer); !set.ok()) return set;
  if (architecture_ == "gemma3") return SetGemma3(writer);
  if (architecture_ != "llama") return absl::OkStatus();
  writer.SetCount(Key("vocab_size"), vocab_size_);
  writer.SetCount(Key("rope.dimension_count"), *head);
  return absl::OkStatus();
}

absl::Status Family::SetGpt2(GgufWriter& writer) const {
  const auto layers = Count("n_layer");
  if (!layers.ok()) return layers.status();
  const auto positions = Count("n_positions");
  if (!positions.ok()) return positions.status();
  const auto context = Count("n_ctx", *positions);
  if (!context.ok()) return context.status();
  const auto inner = Count("n_inner", 4 * hidden_);
  if (!inner.ok()) return inner.status();
  const auto epsilon = text::NumberField(config_, "layer_norm_epsilon", 1e-5, 0, 1, where_);
  if (!epsilon.ok()) return epsilon.status();
  writer.SetCount(Key("block_count"), *layers);
  writer.SetCount(Key("context_length"), *context);
  writer.SetCount(Key("embedding_length"), hidden_);
  writer.SetCount(Key("feed_forward_length"), *inner);
  writer.SetCount(Key("attention.head_count"), heads_);
  writer.SetReal(Key("attention.layer_norm_epsilon"), *epsilon);
  return absl::OkStatus();
}

absl::Status Family::SetGemma2(GgufWriter& writer) const {
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    const auto value = text::NumberField(config_, key, std::nullopt, 0, kLargest, where_);
    if (!value.ok()) return value.status();
    writer.SetReal(Key(key), *value);
  }
  const auto window = Count("sliding_window");
  if (!window.ok()) return window.status();
  writer.SetCount(Key("attention.sliding_window"), *window);
  return absl::OkStatus();
}

absl::Status Family::SetGemma3(GgufWriter& writer) const {
  if (const Json* softcap = text::FindField(config_, "final_logit_softcapping"); softcap != nullptr) {
    const auto value = text::NumberField(config_, "final_logit_softcapping", std::nullopt, 0, kLargest, where_);
    if (!value.ok()) return value.status();
    if (*value > 0) writer.SetReal(Key("final_logit_softcapping"), *value);
  }
  const auto pattern = Count("sliding_window_pattern", 6);
  if (!pattern.ok()) return pattern.status();
  if (*pattern == 1) return absl::OkStatus();
  const auto window = Count("sliding_window");
  if (!window.ok()) return window.status();
  writer.SetCount(Key("attention.sliding_window"), *window);
  return absl::OkStatus();
}

absl::Status Family::SetPhi3(GgufWriter& writer) const {
  const Json* in_rope = text::FindField(rope_, "original_max_position_embeddings");
  const auto original = text::IntField(in_rope != nullptr ? rope_ : config_, "original_max_position_embeddings",
                                       std::nullopt, 1, kMostCount, where_);
  if (!original.ok()) return original.status();
  const Json* partial = text::FindField(rope_, "partial_rotary_factor");
  const auto share =
      text::NumberField(partial != nullptr ? rope_ : config_, "partial_rotary_factor", 1.0, 0, 1, where_);
  if (!share.ok()) return share.status();
  const auto theta = text::NumberField(rope_, "rope_theta", 10000.0, 0, kLargest, where_);
  if (!theta.ok()) return theta.status();
  const auto window = Count("sliding_window", 0);
  if (!window.ok()) return window.status();
  writer.SetCount(Key("rope.scaling.original_context_length"), *original);
  writer.SetCount(Key("rope.dimension_count"),
                  static_cast<std::int64_t>(*share * static_cast<double>(hidden_)) / std::max<std::int64_t>(1, heads_));
  writer.SetReal(Key("rope.freq_base"), *theta);
  writer.SetCount(Key("attention.sliding_window"), *window);
  if (text::FindField(rope_, "long_factor") == nullptr) return absl::OkStatus();
  const auto longest = Count("max_position_embeddings");
  if (!longest.ok()) return longest.status();
  const double scale = static_cast<double>(*longest) / static_cast<double>(*original);
  writer.SetReal(Key("rope.scaling.attn_factor"),
                 scale > 1 ? std::sqrt(1 + std::log(scale) / std::log(static_cast<double>(*original))) : 1.0);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> Family::LongRopeFactors(bool of_long) const {
  std::vector<float> factors;
  const Json* list = text::FindField(rope_, of_long ? "long_factor" : "short_factor");
  if (architecture_ != "phi3" || list == nullptr) return factors;
  for (const Json& factor : *list) {
    if (!factor.is_number()) return absl::InvalidArgumentError(absl::StrCat(where_, ": a rope factor is no number"));
    factors.push_back(factor.get<float>());
  }
  return factors;
}

absl::StatusOr<std::vector<float>> Family::RopeFactors() const {
  std::vector<float> factors;
  const auto type = text::StringField(rope_, "rope_type", "default", where_);
  if (!type.ok()) return type.status();
  if (architecture_ != "llama" || *type != "llama3") return factors;
  double values[5];
  const std::pair<const char*, double> keys[5] = {{"rope_theta", 10000.0},
                                                  {"factor", 8.0},
                                                  {"low_freq_factor", 1.0},
                                                  {"high_freq_factor", 4.0},
                                                  {"original_max_position_embeddings", 8192.0}};
  for (int i = 0; i < 5; ++i) {
    const auto value = text::NumberField(rope_, keys[i].first, keys[i].second, 0, kLargest, where_);
    if (!value.ok()) return value.status();
    values[i] = *value;
  }
  const auto head = Count("head_dim", hidden_ / std::max<std::int64_t>(1, heads_));
  if (!head.ok()) return head.status();
  // In fp32 throughout, as the converter computes it.
  const auto [base, factor, low, high, original] =
      std::tuple(static_cast<float>(values[0]), static_cast<float>(values[1]), static_cast<float>(values[2]),
                 static_cast<float>(values[3]), static_cast<float>(values[4]));
  for (std::int64_t i = 0; i < *head; i += 2) {
    const float frequency = 1.0F / std::pow(base, static_cast<float>(i) / static_cast<float>(*head));
    const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
    if (wavelength < original / high) {
      factors.push_back(1);
    } else if (wavelength > original / low) {
      factors.push_back(factor);
    } else {
      const float smooth = (original / wavelength - low) / (high - low);
      factors.push_back(1 / ((1 - smooth) / factor + smooth));
    }
  }
  return factors;
}

absl::StatusOr<std::optional<TensorTarget>> Family::TargetOf(const std::string& name, std::size_t dimensions) const {
  for (const std::string_view buffer : {".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"}) {
    if (name.ends_with(buffer)) return std::optional<TensorTarget>();
  }
  const std::size_t dot = name.rfind('.');
  std::string module = name.substr(0, dot);
  const std::string kind = dot == std::string::npos ? "" : name.substr(dot);
  for (const std::string_view prefix : {"model.", "transformer."}) {
    if (module.starts_with(prefix)) module.erase(0, prefix.size());
  }
  TensorTarget target;
  std::string place;
  std::string layer;
  for (const std::string_view prefix : {"layers.", "h."}) {
    if (!module.starts_with(prefix)) continue;
    const std::size_t end = module.find('.', prefix.size());
    if (end == std::string::npos) break;
    layer = module.substr(prefix.size(), end - prefix.size());
    place = InLayer(module.substr(end + 1), architecture_ == "gemma2" || architecture_ == "gemma3");
  }
  if (layer.empty()) place = OutsideLayers(module);
  std::int64_t number = 0;
  if (place.empty() || (kind != ".weight" && kind != ".bias") ||
      (!layer.empty() && !absl::SimpleAtoi(layer, &number))) {
    return absl::UnimplementedError(absl::StrCat("tensor ", name, " has no place in a GGUF file of ", architecture_));
  }
  if (place == "output" && tied_) return std::optional<TensorTarget>();
  target.name = absl::StrCat(layer.empty() ? "" : absl::StrCat("blk.", layer, "."), place, kind);
  if (target.name.size() > 60) return absl::InvalidArgumentError(absl::StrCat("tensor ", name, ": a layer too far"));
  if (architecture_ == "llama" && place == "attn_q") target.rotary_heads = heads_;
  if (architecture_ == "llama" && place == "attn_k") target.rotary_heads = kv_heads_;
  target.transposed = architecture_ == "gpt2" && !layer.empty() && dimensions == 2;
  target.plus_one = gemma() && module.ends_with("norm") && kind == ".weight";
  target.always_f32 = dimensions <= 1 || target.name.ends_with("_norm.weight") || place == "position_embd";
  return std::optional(std::move(target));
}

}  // namespace lorasweep::gguf
