#include "trainer_core/text/model_config.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {
namespace {

constexpr std::size_t kMostFileBytes = 16 * 1024 * 1024;

// Bounds far beyond real models (the largest Llama has 126 layers of width 16384), so that no product of two of them
// overflows.
constexpr std::int64_t kMostWidth = 1 << 20;
constexpr std::int64_t kMostLayers = 4096;
constexpr std::int64_t kMostHeads = 1 << 14;
constexpr std::int64_t kMostVocabulary = 1 << 24;
constexpr std::int64_t kMostPositions = std::int64_t{1} << 32;

// One integer field and its bounds, of which the least is 1.
struct SizeField {
  const char* key;
  std::int64_t ModelConfig::*field;
  std::int64_t most;
};

absl::Status CheckArchitecture(const Json& json, const std::string& where, ModelConfig& config) {
  constexpr const char* kSupported = "supported are LlamaForCausalLM and MistralForCausalLM without a sliding window";
  const Json* list = FindField(json, "architectures");
  const bool named = list != nullptr && list->is_array() && list->size() == 1 && (*list)[0].is_string();
  if (!named) {
    const std::string shown = list == nullptr ? "missing" : ShowJson(*list);
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": \"architectures\" is ", shown, ", expected a list of one name; ", kSupported));
  }
  config.architecture = (*list)[0].get<std::string>();
  const bool mistral = config.architecture == "MistralForCausalLM";
  if (config.architecture != "LlamaForCausalLM" && !mistral) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": architecture \"", config.architecture, "\" is not supported; ", kSupported));
  }
  if (const Json* window = FindField(json, "sliding_window"); mistral && window != nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": \"sliding_window\" is ", ShowJson(*window), "; ", kSupported));
  }
  absl::StatusOr<std::string> activation = StringField(json, "hidden_act", "silu", where);
  if (!activation.ok()) return activation.status();
  if (*activation != "silu") {
    return absl::UnimplementedError(
        absl::StrCat(where, ": \"hidden_act\" is \"", *activation, "\"; supported is \"silu\""));
  }
  if (FindField(json, "quantization_config") != nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": \"quantization_config\" is set; weights must be F32, F16 or BF16"));
  }
  return absl::OkStatus();
}

absl::Status ReadSizes(const Json& json, const std::string& where, ModelConfig& config) {
  for (const SizeField& size : {SizeField{"hidden_size", &ModelConfig::hidden_size, kMostWidth},
                                SizeField{"num_hidden_layers", &ModelConfig::layers, kMostLayers},
                                SizeField{"num_attention_heads", &ModelConfig::heads, kMostHeads},
                                SizeField{"intermediate_size", &ModelConfig::intermediate_size, kMostWidth},
                                SizeField{"vocab_size", &ModelConfig::vocab_size, kMostVocabulary},
                                SizeField{"max_position_embeddings", &ModelConfig::max_positions, kMostPositions}}) {
    absl::StatusOr<std::int64_t> value = IntField(json, size.key, std::nullopt, 1, size.most, where);
    if (!value.ok()) return value.status();
    config.*size.field = *value;
  }
  absl::StatusOr<std::int64_t> kv_heads = IntField(json, "num_key_value_heads", config.heads, 1, config.heads, where);
  if (!kv_heads.ok()) return kv_heads.status();
  config.kv_heads = *kv_heads;
  if (config.heads % config.kv_heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"num_key_value_heads\" is ", config.kv_heads,
                                                   ", which does not divide num_attention_heads, ", config.heads));
  }
  if (FindField(json, "head_dim") == nullptr && config.hidden_size % config.heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"num_attention_heads\" is ", config.heads,
                                                   ", which does not divide hidden_size, ", config.hidden_size));
  }
  absl::StatusOr<std::int64_t> head_dim =
      IntField(json, "head_dim", config.hidden_size / config.heads, 1, 1 << 14, where);
  if (!head_dim.ok()) return head_dim.status();
  config.head_dim = *head_dim;
  if (config.head_dim % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": heads have the odd size ", config.head_dim, "; RoPE turns pairs"));
  }
  absl::StatusOr<double> eps = NumberField(json, "rms_norm_eps", 1e-6, 0.0, 1.0, where);
  if (!eps.ok()) return eps.status();
  config.norm_eps = *eps;
  config.query_scale = 1.0 / std::sqrt(static_cast<double>(config.head_dim));
  config.rope.dimensions = config.head_dim;
  return absl::OkStatus();
}

absl::Status ReadLlama3(const Json& json, const std::string& where, RopeConfig& rope) {
  absl::StatusOr<double> low = NumberField(json, "low_freq_factor", std::nullopt, 1e-6, 1e6, where);
  if (!low.ok()) return low.status();
  absl::StatusOr<double> high = NumberField(json, "high_freq_factor", std::nullopt, 1e-6, 1e6, where);
  if (!high.ok()) return high.status();
  if (*high <= *low) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": \"high_freq_factor\" is ", *high, ", expected more than low_freq_factor, ", *low));
  }
  absl::StatusOr<std::int64_t> original =
      IntField(json, "original_max_position_embeddings", std::nullopt, 1, kMostPositions, where);
  if (!original.ok()) return original.status();
  rope.low_freq_factor = *low;
  rope.high_freq_factor = *high;
  rope.original_max_positions = *original;
  return absl::OkStatus();
}

// transformers 5 has everything in "rope_parameters"; before that, "rope_theta" stood beside "rope_scaling", whose
// "rope_type" was once "type".
absl::Status ReadRope(const Json& json, const std::string& where, RopeConfig& rope) {
  const Json* parameters = FindField(json, "rope_parameters");
  const char* name = parameters != nullptr ? "rope_parameters" : "rope_scaling";
  const Json* scaling = FindField(json, name);
  const std::string place = absl::StrCat(where, ": ", name);
  const Json none = Json::object();
  if (scaling == nullptr) scaling = &none;
  if (!scaling->is_object()) return absl::InvalidArgumentError(absl::StrCat(place, " must be an object"));
  absl::StatusOr<double> outer = NumberField(json, "rope_theta", 10000.0, 1.0, 1e12, where);
  if (!outer.ok()) return outer.status();
  absl::StatusOr<double> theta = NumberField(*scaling, "rope_theta", *outer, 1.0, 1e12, place);
  if (!theta.ok()) return theta.status();
  rope.theta = *theta;
  absl::StatusOr<std::string> legacy_type = StringField(*scaling, "type", "default", place);
  if (!legacy_type.ok()) return legacy_type.status();
  absl::StatusOr<std::string> type = StringField(*scaling, "rope_type", *legacy_type, place);
  if (!type.ok()) return type.status();
  absl::StatusOr<double> partial = NumberField(*scaling, "partial_rotary_factor", 1.0, 0.0, 1.0, place);
  if (!partial.ok()) return partial.status();
  if (*partial != 1.0) return absl::UnimplementedError(absl::StrCat(place, ": \"partial_rotary_factor\" must be 1"));
  if (*type == "default") return absl::OkStatus();
  if (*type != "linear" && *type != "llama3") {
    return absl::UnimplementedError(
        absl::StrCat(place, ": \"rope_type\" is \"", *type, "\"; supported are \"default\", \"linear\", \"llama3\""));
  }
  absl::StatusOr<double> factor = NumberField(*scaling, "factor", std::nullopt, 1.0, 1e6, place);
  if (!factor.ok()) return factor.status();
  rope.factor = *factor;
  rope.scaling = *type == "linear" ? RopeConfig::Scaling::kLinear : RopeConfig::Scaling::kLlama3;
  return rope.scaling == RopeConfig::Scaling::kLinear ? absl::OkStatus() : ReadLlama3(*scaling, place, rope);
}

absl::Status ReadFlags(const Json& json, const std::string& where, ModelConfig& config) {
  for (const auto& [key, field] :
       {std::pair{"tie_word_embeddings", &config.tie_word_embeddings},
        std::pair{"attention_bias", &config.qkv_bias}, std::pair{"mlp_bias", &config.mlp_bias}}) {
    absl::StatusOr<bool> value = BoolField(json, key, false, where);
    if (!value.ok()) return value.status();
    *field = *value;
  }
  config.output_bias = config.qkv_bias;
  const char* key = FindField(json, "dtype") != nullptr ? "dtype" : "torch_dtype";
  absl::StatusOr<std::string> dtype = StringField(json, key, "float32", where);
  if (!dtype.ok()) return dtype.status();
  if (*dtype == "float32") {
    config.dtype = DType::kF32;
  } else if (*dtype == "float16") {
    config.dtype = DType::kF16;
  } else if (*dtype == "bfloat16") {
    config.dtype = DType::kBF16;
  } else {
    return absl::UnimplementedError(absl::StrCat(where, ": \"", key, "\" is \"", *dtype,
                                                 "\"; supported are \"float32\", \"float16\", \"bfloat16\""));
  }
  return absl::OkStatus();
}

// The ids of `key`, one or a list, added to those there.
absl::Status ReadIds(const Json& json, const char* key, std::int64_t vocab_size, const std::string& where,
                     std::vector<std::int32_t>& ids) {
  const Json* value = FindField(json, key);
  if (value == nullptr) return absl::OkStatus();
  const Json list = value->is_array() ? *value : Json::array({*value});
  for (const Json& id : list) {
    const bool fits = id.is_number_unsigned() && id.get<std::uint64_t>() < static_cast<std::uint64_t>(vocab_size);
    if (!fits) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": \"", key, "\" is ", ShowJson(*value), ", expected ids from 0 to ", vocab_size - 1));
    }
    const auto number = id.get<std::int32_t>();
    if (std::find(ids.begin(), ids.end(), number) == ids.end()) ids.push_back(number);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view config_json, std::string_view generation_json,
                                             const std::string& where) {
  const std::string place = where + "/config.json";
  absl::StatusOr<Json> json = ParseJson(config_json, place);
  if (!json.ok()) return json.status();
  if (!json->is_object()) return absl::InvalidArgumentError(absl::StrCat(place, ": expected an object"));
  ModelConfig config;
  if (absl::Status status = CheckArchitecture(*json, place, config); !status.ok()) return status;
  if (absl::Status status = ReadSizes(*json, place, config); !status.ok()) return status;
  if (absl::Status status = ReadRope(*json, place, config.rope); !status.ok()) return status;
  if (absl::Status status = ReadFlags(*json, place, config); !status.ok()) return status;
  std::vector<std::int32_t> bos;
  if (absl::Status status = ReadIds(*json, "bos_token_id", config.vocab_size, place, bos); !status.ok()) return status;
  if (!bos.empty()) config.bos_id = bos.front();
  absl::Status status = ReadIds(*json, "eos_token_id", config.vocab_size, place, config.eos_ids);
  if (!status.ok()) return status;
  if (generation_json.empty()) return config;
  const std::string generation_place = where + "/generation_config.json";
  absl::StatusOr<Json> generation = ParseJson(generation_json, generation_place);
  if (!generation.ok()) return generation.status();
  status = ReadIds(*generation, "eos_token_id", config.vocab_size, generation_place, config.eos_ids);
  if (!status.ok()) return status;
  return config;
}

absl::StatusOr<ModelConfig> LoadModelConfig(const std::filesystem::path& folder) {
  absl::StatusOr<std::string> config = ReadFile(folder / "config.json", kMostFileBytes);
  if (!config.ok()) return config.status();
  absl::StatusOr<std::string> generation = ReadFile(folder / "generation_config.json", kMostFileBytes);
  if (!generation.ok() && !absl::IsNotFound(generation.status())) return generation.status();
  return ParseModelConfig(*config, generation.ok() ? *generation : "", folder.string());
}

}  // namespace lorasweep::text
