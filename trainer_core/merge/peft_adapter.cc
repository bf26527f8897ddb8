#include "trainer_core/merge/peft_adapter.h"

#include <cmath>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/floats.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::merge {
namespace {

using text::Json;
using text::TensorView;

constexpr std::size_t kLargestConfig = 1 << 20;
constexpr std::string_view kPrefix = "base_model.model.";
constexpr double kLargestAlpha = 1e9;

absl::Status Invalid(const std::string& where, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

bool Matches(const text::Regex& pattern, const std::string& module) {
  std::vector<text::Span> found;
  text::RegexMatcher(pattern).FindAll(module, found);
  return !found.empty();
}

// Parts of a tensor's name that PEFT adds to the model's own.
std::string WithoutWrappers(std::string name) {
  for (const std::string_view wrapper : {".base_layer", ".modules_to_save"}) {
    const std::size_t at = name.find(wrapper);
    if (at != std::string::npos) name.erase(at, wrapper.size());
  }
  return name;
}

// Which matrix of which module a tensor is.
enum class Part { kA, kB, kMagnitude, kWhole };

struct Place {
  std::string module;  // of kWhole the tensor's whole name
  Part part = Part::kWhole;
  bool embedding = false;
};

Place PlaceOf(const std::string& name) {
  struct Suffix {
    std::string_view text;
    Part part;
    bool embedding;
  };
  static constexpr Suffix kSuffixes[] = {{".lora_A.weight", Part::kA, false},
                                         {".lora_B.weight", Part::kB, false},
                                         {".lora_embedding_A", Part::kA, true},
                                         {".lora_embedding_B", Part::kB, true},
                                         {".lora_magnitude_vector", Part::kMagnitude, false},
                                         {".lora_magnitude_vector.weight", Part::kMagnitude, false}};
  for (const Suffix& suffix : kSuffixes) {
    if (name.ends_with(suffix.text)) {
      return {name.substr(0, name.size() - suffix.text.size()), suffix.part, suffix.embedding};
    }
  }
  return {WithoutWrappers(name), Part::kWhole, false};
}

}  // namespace

absl::StatusOr<PeftAdapter> PeftAdapter::Open(const std::filesystem::path& folder) {
  const std::string where = (folder / "adapter_config.json").string();
  const absl::StatusOr<std::string> config = text::ReadFile(where, kLargestConfig);
  if (absl::IsNotFound(config.status())) return absl::NotFoundError(absl::StrCat("no adapter at ", where));
  if (!config.ok()) return config.status();
  PeftAdapter adapter;
  adapter.folder_ = folder;
  if (absl::Status read = adapter.ReadConfig(*config, where); !read.ok()) return read;
  const std::filesystem::path tensors = folder / "adapter_model.safetensors";
  absl::StatusOr<text::Safetensors> file = text::Safetensors::Open(tensors);
  if (!file.ok()) return file.status();
  adapter.file_ = *std::move(file);
  if (absl::Status read = adapter.ReadTensors(tensors.string()); !read.ok()) return read;
  return adapter;
}

absl::Status PeftAdapter::ReadConfig(const std::string& text, const std::string& where) {
  // In the file's order: the first pattern that matches counts.
  const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!json.is_object()) return Invalid(where, "not a JSON object");
  const Json plain = json;
  const auto kind = text::StringField(plain, "peft_type", std::nullopt, where);
  if (!kind.ok()) return kind.status();
  if (*kind != "LORA") {
    return absl::UnimplementedError(absl::StrCat(where, ": peft_type is ", *kind, "; only LORA is supported"));
  }
  for (const char* key : {"use_qalora", "layer_replication", "megatron_config", "arrow_config", "lora_bias"}) {
    const Json* value = text::FindField(plain, key);
    if (value != nullptr && *value != false) {
      return absl::UnimplementedError(absl::StrCat(where, ": ", key, " is not supported"));
    }
  }
  // PEFT takes the initial adapter of these out of the base, which the file then does not say.
  const Json* init = text::FindField(plain, "init_lora_weights");
  if (init != nullptr && init->is_string()) {
    const auto word = init->get<std::string>();
    for (const std::string_view changing : {"pissa", "olora", "corda", "loftq", "lora_ga"}) {
      if (word.starts_with(changing)) {
        return absl::UnimplementedError(
            absl::StrCat(where, ": init_lora_weights ", word, " changed the base model; convert the adapter first ",
                         "(PEFT: save_pretrained with path_initial_model_for_weight_conversion)"));
      }
    }
  }
  const auto alpha = text::NumberField(plain, "lora_alpha", 8.0, -kLargestAlpha, kLargestAlpha, where);
  if (!alpha.ok()) return alpha.status();
  alpha_ = *alpha;
  for (const auto& [key, flag] : {std::pair{"use_rslora", &rank_stabilized_}, std::pair{"use_dora", &dora_},
                                  std::pair{"fan_in_fan_out", &fan_in_fan_out_}}) {
    const auto value = text::BoolField(plain, key, false, where);
    if (!value.ok()) return value.status();
    *flag = *value;
  }
  const auto base = text::StringField(plain, "base_model_name_or_path", "", where);
  if (!base.ok()) return base.status();
  base_model_ = *base;
  const auto patterns = json.find("alpha_pattern");
  if (patterns == json.end() || patterns->is_null()) return absl::OkStatus();
  if (!patterns->is_object()) return Invalid(where, "alpha_pattern is not an object");
  for (const auto& [key, value] : patterns->items()) {
    if (!value.is_number()) return Invalid(where, absl::StrCat("alpha_pattern.", key, " is not a number"));
    // PEFT asks re.match(rf"(.*\\.)?({key})$", module).
    const auto pattern = text::Regex::Compile(absl::StrCat("^(?:.*\\.)?(?:", key, ")$"));
    if (!pattern.ok()) return Invalid(where, absl::StrCat("alpha_pattern: ", std::string{pattern.status().message()}));
    alpha_pattern_.emplace_back(*pattern, value.get<double>());
  }
  return absl::OkStatus();
}

absl::Status PeftAdapter::ReadTensors(const std::string& where) {
  struct Parts {
    const TensorView* a = nullptr;
    const TensorView* b = nullptr;
    const TensorView* magnitude = nullptr;
    bool embedding = false;
  };
  std::map<std::string, Parts> found;
  for (const TensorView& tensor : file_->tensors()) {
    if (!tensor.name.starts_with(kPrefix)) {
      return Invalid(where, absl::StrCat("tensor ", tensor.name, " does not begin with ", std::string{kPrefix}));
    }
    if (!text::IsFloat(tensor.dtype)) {
      return Invalid(where, absl::StrCat("tensor ", tensor.name, " has type ",
                                         std::string{text::DTypeName(tensor.dtype)}, "; F32, F16 and BF16 are read"));
    }
    // With bias: all PEFT also stores what modules of modules_to_save were.
    if (tensor.name.find(".original_module.") != std::string::npos) continue;
    const Place place = PlaceOf(tensor.name.substr(kPrefix.size()));
    if (place.part == Part::kWhole) {
      if (place.module.find("lora_") != std::string::npos) {
        return absl::UnimplementedError(absl::StrCat(where, ": tensor ", tensor.name, " is not of a known kind"));
      }
      replaced_[place.module] = tensor;
      continue;
    }
    Parts& parts = found[place.module];
    parts.embedding = parts.embedding || place.embedding;
    (place.part == Part::kA ? parts.a : place.part == Part::kB ? parts.b : parts.magnitude) = &tensor;
  }
  for (const auto& [name, parts] : found) {
    if (parts.a == nullptr || parts.b == nullptr) {
      return Invalid(where, absl::StrCat(name, " has not both of A and B"));
    }
    if (parts.a->shape.size() != 2 || parts.b->shape.size() != 2 || parts.a->shape[0] != parts.b->shape[1] ||
        parts.a->shape[0] < 1) {
      return Invalid(where, absl::StrCat(name, ": A [", absl::StrJoin(parts.a->shape, ", "), "] and B [",
                                         absl::StrJoin(parts.b->shape, ", "), "] do not fit together"));
    }
    LoraModule module{.name = name, .a = *parts.a, .b = *parts.b, .magnitude = {}};
    module.embedding = parts.embedding;
    module.rank = parts.a->shape[0];
    module.alpha = alpha_;
    for (const auto& [pattern, alpha] : alpha_pattern_) {
      if (!Matches(pattern, name)) continue;
      module.alpha = alpha;
      break;
    }
    const auto rank = static_cast<double>(module.rank);
    module.scale = module.alpha / (rank_stabilized_ ? std::sqrt(rank) : rank);
    if (dora_ != (parts.magnitude != nullptr)) {
      return Invalid(where, absl::StrCat(name, dora_ ? " has no lora_magnitude_vector" : " has a lora_magnitude_vector",
                                         ", but use_dora is ", dora_ ? "true" : "false"));
    }
    if (dora_) {
      if (parts.embedding) return absl::UnimplementedError(absl::StrCat(where, ": DoRA on embedding ", name));
      const std::int64_t size =
          static_cast<std::int64_t>(parts.magnitude->bytes.size()) / text::DTypeSize(parts.magnitude->dtype);
      if (size != parts.b->shape[0]) return Invalid(where, absl::StrCat(name, ": DoRA's magnitudes do not fit B"));
      module.magnitude = *parts.magnitude;
    }
    modules_.push_back(std::move(module));
  }
  if (modules_.empty() && replaced_.empty()) return Invalid(where, "holds no adapter");
  return absl::OkStatus();
}

}  // namespace lorasweep::merge
