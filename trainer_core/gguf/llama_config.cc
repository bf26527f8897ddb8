#include "trainer_core/gguf/llama_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace lorasweep::gguf {
namespace {

constexpr std::int64_t kMaxSize = std::int64_t{1} << 30;

// GGUF holds 32-bit floats; config.json means the decimal number they were made from (1e-05, not 9.99999974e-06).
double AsWritten(double value) {
  const float narrow = static_cast<float>(value);
  if (static_cast<double>(narrow) != value) return value;
  char text[32] = {};
  std::to_chars(text, text + sizeof text - 1, narrow);
  return std::strtod(text, nullptr);
}

absl::StatusOr<std::int64_t> Size(const GgufFile& file, const std::string& key) {
  auto value = file.Integer(key);
  if (!value.ok()) return value.status();
  if (*value < 1 || *value > kMaxSize) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.Path().string(), ": ", key, " is ", *value, ", allowed are 1 to ", kMaxSize));
  }
  return value;
}

absl::StatusOr<std::int64_t> SizeOr(const GgufFile& file, const std::string& key, std::int64_t otherwise) {
  return file.Has(key) ? Size(file, key) : otherwise;
}

absl::StatusOr<double> PositiveReal(const GgufFile& file, const std::string& key) {
  auto value = file.Real(key);
  if (!value.ok()) return value.status();
  if (!std::isfinite(*value) || *value <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.Path().string(), ": ", key, " is ", *value, ", expected a positive number"));
  }
  return AsWritten(*value);
}

// What transformers calls a model of llama.cpp's architecture.
struct Name {
  const char* architecture;
  const char* class_name;
};
constexpr Name kNames[] = {{"llama", "LlamaForCausalLM"}, {"qwen2", "Qwen2ForCausalLM"}, {"qwen3", "Qwen3ForCausalLM"}};

const char* ClassName(const std::string& architecture) {
  for (const Name& name : kNames) {
    if (name.architecture == architecture) return name.class_name;
  }
  return nullptr;
}

absl::Status ReadSizes(const GgufFile& file, LlamaConfig& config) {
  const std::pair<const char*, std::int64_t*> sizes[] = {
      {"block_count", &config.layers},
      {"embedding_length", &config.hidden},
      {"feed_forward_length", &config.intermediate},
      {"attention.head_count", &config.heads},
      {"context_length", &config.context},
  };
  const auto full = [&config](const char* key) { return absl::StrCat(config.architecture, ".", key); };
  for (const auto& [key, target] : sizes) {
    auto value = Size(file, full(key));
    if (!value.ok()) return value.status();
    *target = *value;
  }
  auto kv_heads = SizeOr(file, full("attention.head_count_kv"), config.heads);
  if (!kv_heads.ok()) return kv_heads.status();
  config.kv_heads = *kv_heads;
  if (config.heads % config.kv_heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(file.Path().string(), ": ", full("attention.head_count"), " ",
                                                   config.heads, " is not a multiple of ",
                                                   full("attention.head_count_kv"), " ", config.kv_heads));
  }
  if (!file.Has(full("attention.key_length")) && config.hidden % config.heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(file.Path().string(), ": ", full("embedding_length"), " ",
                                                   config.hidden, " is not a multiple of ",
                                                   full("attention.head_count"), " ", config.heads));
  }
  auto head_dim = SizeOr(file, full("attention.key_length"), config.hidden / config.heads);
  if (!head_dim.ok()) return head_dim.status();
  config.head_dim = *head_dim;
  for (const char* key : {"attention.value_length", "rope.dimension_count"}) {
    auto other = SizeOr(file, full(key), config.head_dim);
    if (!other.ok()) return other.status();
    if (*other != config.head_dim) {
      return absl::UnimplementedError(absl::StrCat(file.Path().string(), ": ", full(key), " ", *other,
                                                   " differs from the head's size ", config.head_dim));
    }
  }
  if (config.head_dim % 2 != 0 || config.heads > kMaxSize / config.head_dim) {
    return absl::InvalidArgumentError(absl::StrCat(file.Path().string(), ": ", config.heads, " heads of size ",
                                                   config.head_dim, " are not possible"));
  }
  const TensorInfo* embedding = file.FindTensor("token_embd.weight");
  if (embedding == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(file.Path().string(), ": no tensor token_embd.weight"));
  }
  config.vocab = embedding->Rows();
  if (config.vocab < 1 || config.vocab > kMaxSize) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.Path().string(), ": token_embd.weight has ", config.vocab, " rows"));
  }
  return absl::OkStatus();
}

absl::Status ReadRope(const GgufFile& file, LlamaConfig& config) {
  config.rope_theta = 10000;
  const std::string theta_key = config.architecture + ".rope.freq_base";
  if (file.Has(theta_key)) {
    auto theta = PositiveReal(file, theta_key);
    if (!theta.ok()) return theta.status();
    config.rope_theta = *theta;
  }
  const std::string scaling = config.architecture + ".rope.scaling.";
  if (file.Has(scaling + "type")) {
    auto type = file.Text(scaling + "type");
    if (!type.ok()) return type.status();
    if (*type == "linear") {
      auto factor = PositiveReal(file, scaling + "factor");
      if (!factor.ok()) return factor.status();
      config.linear_rope_factor = *factor;
    } else if (*type != "none") {
      return absl::UnimplementedError(
          absl::StrCat(file.Path().string(), ": ", scaling, "type ", *type, " (known: none, linear)"));
    }
  }
  const TensorInfo* divisors = file.FindTensor("rope_freqs.weight");
  if (divisors == nullptr) return absl::OkStatus();
  if (divisors->Columns() * divisors->Rows() != config.head_dim / 2) {
    return absl::InvalidArgumentError(absl::StrCat(file.Path().string(), ": rope_freqs.weight has ",
                                                   divisors->Columns() * divisors->Rows(), " values, expected ",
                                                   config.head_dim / 2));
  }
  std::vector<float> values(static_cast<std::size_t>(config.head_dim / 2));
  if (auto status = file.ReadRows(*divisors, 0, divisors->Rows(), values.data()); !status.ok()) return status;
  if (std::all_of(values.begin(), values.end(), [](float value) { return value == 1.0f; })) return absl::OkStatus();
  config.llama3_rope = DeriveLlama3Rope(values, config.rope_theta);
  if (!config.llama3_rope) {
    return absl::UnimplementedError(
        absl::StrCat(file.Path().string(), ": rope_freqs.weight is not a scaling of Llama 3's kind"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LlamaConfig> ReadLlamaConfig(const GgufFile& file) {
  auto architecture = file.Text("general.architecture");
  if (!architecture.ok()) return architecture.status();
  if (ClassName(*architecture) == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(file.Path().string(), ": architecture ", *architecture,
                     " cannot be imported (only llama: Llama, Mistral, SmolLM, …; qwen2; qwen3)"));
  }
  const std::string experts_key = *architecture + ".expert_count";
  if (file.Has(experts_key)) {
    auto experts = file.Integer(experts_key);
    if (!experts.ok()) return experts.status();
    if (*experts != 0) {
      return absl::UnimplementedError(
          absl::StrCat(file.Path().string(), ": a mixture of ", *experts, " experts cannot be imported"));
    }
  }
  LlamaConfig config;
  config.architecture = *architecture;
  if (auto status = ReadSizes(file, config); !status.ok()) return status;
  auto epsilon = PositiveReal(file, *architecture + ".attention.layer_norm_rms_epsilon");
  if (!epsilon.ok()) return epsilon.status();
  config.rms_norm_eps = *epsilon;
  if (auto status = ReadRope(file, config); !status.ok()) return status;
  config.qkv_bias = file.FindTensor("blk.0.attn_q.bias") != nullptr;
  // Llama and Qwen3 have one flag for all four, Qwen2 has three and no flag.
  config.output_bias = config.qkv_bias && *architecture != "qwen2";
  config.mlp_bias = file.FindTensor("blk.0.ffn_up.bias") != nullptr;
  config.tied_head = file.FindTensor("output.weight") == nullptr;
  return config;
}

std::optional<Llama3Rope> DeriveLlama3Rope(const std::vector<float>& divisors, double rope_theta) {
  if (divisors.empty()) return std::nullopt;
  Llama3Rope best;
  best.factor = AsWritten(*std::max_element(divisors.begin(), divisors.end()));
  double best_error = 1e-3;
  bool found = false;
  for (std::int64_t original = 1024; original <= 1 << 20; original *= 2) {
    Llama3Rope candidate = best;
    candidate.original_max_position_embeddings = original;
    double error = 0;
    for (std::size_t i = 0; i < divisors.size(); ++i) {
      const double wavelength =
          2 * std::numbers::pi * std::pow(rope_theta, static_cast<double>(i) / static_cast<double>(divisors.size()));
      const double smooth = std::clamp((static_cast<double>(original) / wavelength - candidate.low_freq_factor) /
                                           (candidate.high_freq_factor - candidate.low_freq_factor),
                                       0.0, 1.0);
      const double expected = 1 / ((1 - smooth) / candidate.factor + smooth);
      error = std::max(error, std::abs(divisors[i] - expected) / expected);
      if (!std::isfinite(divisors[i])) error = 1;
    }
    if (error < best_error) {
      best_error = error;
      best.original_max_position_embeddings = original;
      found = true;
    }
  }
  if (!found) return std::nullopt;
  return best;
}

std::string ConfigJson(const LlamaConfig& config, std::optional<std::int64_t> bos_id,
                       std::optional<std::int64_t> eos_id, std::optional<std::int64_t> pad_id) {
  nlohmann::ordered_json json = {
      {"architectures", {ClassName(config.architecture)}},
      {"model_type", config.architecture},
      {"attention_bias", config.output_bias},
      {"attention_dropout", 0.0},
      {"head_dim", config.head_dim},
      {"hidden_act", "silu"},
      {"hidden_size", config.hidden},
      {"initializer_range", 0.02},
      {"intermediate_size", config.intermediate},
      {"max_position_embeddings", config.context},
      {"mlp_bias", config.mlp_bias},
      {"num_attention_heads", config.heads},
      {"num_hidden_layers", config.layers},
      {"num_key_value_heads", config.kv_heads},
      {"rms_norm_eps", config.rms_norm_eps},
      {"rope_scaling", nullptr},
      {"rope_theta", config.rope_theta},
      {"tie_word_embeddings", config.tied_head},
      {"torch_dtype", "bfloat16"},
      {"use_cache", true},
      {"vocab_size", config.vocab},
  };
  if (config.llama3_rope) {
    json["rope_scaling"] = {
        {"rope_type", "llama3"},
        {"factor", config.llama3_rope->factor},
        {"low_freq_factor", config.llama3_rope->low_freq_factor},
        {"high_freq_factor", config.llama3_rope->high_freq_factor},
        {"original_max_position_embeddings", config.llama3_rope->original_max_position_embeddings},
    };
  } else if (config.linear_rope_factor != 1) {
    json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", config.linear_rope_factor}};
  }
  if (bos_id) json["bos_token_id"] = *bos_id;
  if (eos_id) json["eos_token_id"] = *eos_id;
  if (pad_id) json["pad_token_id"] = *pad_id;
  return json.dump(2) + "\n";
}

}  // namespace lorasweep::gguf
