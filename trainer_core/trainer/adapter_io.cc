#include "trainer_core/trainer/adapter_io.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/linear_modules.h"
#include "trainer_core/trainer/config_words.h"

namespace lorasweep::trainer {
namespace {

using Json = nlohmann::json;

constexpr std::uintmax_t kMaxConfigBytes = 4 << 20;
constexpr std::int64_t kMaxRank = 65536;  // keeps products of sizes far from overflow

// PEFT declares lora_alpha an integer: written as one where it is.
Json Number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

Json NamesOrNull(const std::vector<std::string>& names) {
  return names.empty() ? Json() : Json(names);
}

const char* NameOfA(bool embedding) {
  return embedding ? ".lora_embedding_A" : ".lora_A.weight";
}

absl::StatusOr<Json> ReadConfig(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error) return absl::NotFoundError(absl::StrCat("no adapter at ", file.string()));
  if (size > kMaxConfigBytes) return absl::InvalidArgumentError(absl::StrCat(file.string(), " is too large"));
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  Json json = Json::parse(text.str(), nullptr, false);
  if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(file.string(), " is not a JSON object"));
  if (json.value("peft_type", Json()) != "LORA") {
    return absl::InvalidArgumentError(absl::StrCat(file.string(), ": peft_type must be LORA"));
  }
  return json;
}

bool Flag(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_boolean() && json[key];
}

absl::StatusOr<double> RequiredNumber(const Json& json, const char* key, double least, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number() || !(found->get<double>() >= least)) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", key, " must be a number of at least ", least));
  }
  return found->get<double>();
}

// Alphas by place: lora_alpha, or that of the first pattern that matches. Ranks are those of the tensors.
absl::StatusOr<std::vector<double>> Alphas(const Json& json, double alpha, const std::vector<std::string>& names,
                                           const std::string& where) {
  std::vector<std::pair<std::string, double>> patterns;
  if (const auto found = json.find("alpha_pattern"); found != json.end() && !found->is_null()) {
    const bool numbers = found->is_object() &&
                         std::all_of(found->begin(), found->end(), [](const Json& value) { return value.is_number(); });
    if (!numbers) return absl::InvalidArgumentError(absl::StrCat(where, ": alpha_pattern must be a map of numbers"));
    for (const auto& [pattern, value] : found->items()) patterns.emplace_back(pattern, value.get<double>());
  }
  absl::StatusOr<std::vector<double>> alphas = text::PatternNumbers(patterns, alpha, names);
  if (alphas.ok()) return alphas;
  return absl::InvalidArgumentError(absl::StrCat(where, ": alpha_pattern: ", std::string{alphas.status().message()}));
}

// Copies a tensor's elements as float; false for a type that is not read.
bool CopyAsFloat(const text::TensorView& tensor, float* to) {
  if (tensor.dtype == text::DType::kF32) {
    std::memcpy(to, tensor.bytes.data(), tensor.bytes.size());
    return true;
  }
  if (tensor.dtype != text::DType::kBF16) return false;
  for (std::size_t i = 0; i < tensor.bytes.size() / 2; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, tensor.bytes.data() + 2 * i, sizeof(bits));
    to[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  return true;
}

// PEFT stores some of the base model's tensors too: of an embedding with an adapter, and with bias: all what the
// modules of modules_to_save were.
bool IsOfBase(const std::string& name) {
  return name.ends_with(".base_layer.weight") || absl::StrContains(name, ".original_module.") ||
         absl::StrContains(name, ".modules_to_save.");
}

// What is left over in a file, for people.
std::vector<std::string> Unexpected(const text::Safetensors& file, const AdapterLayout& layout) {
  std::set<std::string> wanted;
  for (text::TensorView& tensor : AdapterTensors(layout, {})) wanted.insert(std::move(tensor.name));
  std::vector<std::string> unexpected;
  for (const text::TensorView& tensor : file.tensors()) {
    if (!wanted.contains(tensor.name) && !IsOfBase(tensor.name)) unexpected.push_back(tensor.name);
  }
  return unexpected;
}

// modules_to_save, bias and ensure_weight_tying.
absl::StatusOr<text::WholeChoice> ReadWholeChoice(const Json& json, const std::string& where) {
  text::WholeChoice choice;
  if (const auto found = json.find("modules_to_save"); found != json.end() && !found->is_null()) {
    const bool names = found->is_array() &&
                       std::all_of(found->begin(), found->end(), [](const Json& name) { return name.is_string(); });
    if (!names) return absl::InvalidArgumentError(absl::StrCat(where, ": modules_to_save must be a list of names"));
    choice.modules_to_save = found->get<std::vector<std::string>>();
  }
  if (const auto found = json.find("bias"); found != json.end()) {
    const absl::StatusOr<text::BiasTraining> bias = ParseBias(found->is_string() ? found->get<std::string>() : "");
    if (!bias.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": bias: ", std::string{bias.status().message()}));
    }
    choice.bias = *bias;
  }
  choice.ensure_weight_tying = Flag(json, "ensure_weight_tying");
  return choice;
}

}  // namespace

AdapterLayout AdapterConfig::Layout(const text::ModelConfig& model) const {
  std::vector<std::int64_t> ranks;
  for (const text::ModuleAdapter& module : modules) ranks.push_back(module.rank);
  return AdapterLayout(model, ranks, use_dora, whole);
}

std::string AdapterConfigText(const text::ModelConfig& model, const AdapterConfig& config) {
  const std::vector<std::string> names = text::ModuleNames(model);
  Json ranks = Json::object();
  Json alphas = Json::object();
  for (std::size_t place = 0; place < config.modules.size(); ++place) {
    const text::ModuleAdapter& module = config.modules[place];
    if (module.rank == 0) continue;
    if (module.rank != config.rank) ranks[names[place]] = module.rank;
    if (module.alpha != config.alpha) alphas[names[place]] = Number(module.alpha);
  }
  const Json json = {{"alpha_pattern", alphas},
                     {"auto_mapping", nullptr},
                     {"base_model_name_or_path", config.base_model_name},
                     {"bias", std::string{Word(config.whole_choice.bias)}},
                     {"ensure_weight_tying", config.whole_choice.ensure_weight_tying},
                     {"fan_in_fan_out", text::LinearModules(model).front().transposed},
                     {"inference_mode", true},
                     {"init_lora_weights", true},
                     {"layers_pattern", nullptr},
                     {"layers_to_transform", nullptr},
                     {"lora_alpha", Number(config.alpha)},
                     {"lora_dropout", config.dropout},
                     {"modules_to_save", NamesOrNull(config.whole_choice.modules_to_save)},
                     {"peft_type", "LORA"},
                     {"r", config.rank},
                     {"rank_pattern", ranks},
                     {"revision", nullptr},
                     {"target_modules", text::TargetModules(model, config.modules)},
                     {"task_type", "CAUSAL_LM"},
                     {"use_dora", config.use_dora},
                     {"use_rslora", config.use_rslora}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::vector<text::TensorView> AdapterTensors(const AdapterLayout& layout, std::span<const float> values) {
  std::vector<text::TensorView> tensors;
  const auto add = [&](const std::string& name, std::int64_t offset, std::vector<std::int64_t> shape) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    std::span<const std::byte> bytes;
    if (!values.empty()) {
      bytes = std::as_bytes(values.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count)));
    }
    tensors.push_back({.name = name, .dtype = text::DType::kF32, .shape = std::move(shape), .bytes = bytes});
  };
  for (const LoraSite& site : layout.sites()) {
    add(site.peft_name + NameOfA(site.embedding), site.a_offset, {site.rank, site.shape.in});
    add(site.peft_name + (site.embedding ? ".lora_embedding_B" : ".lora_B.weight"), site.b_offset,
        {site.shape.out, site.rank});
    if (layout.magnitudes() && !site.embedding) {
      add(site.peft_name + ".lora_magnitude_vector", site.m_offset, {site.shape.out});
    }
  }
  for (const WholeSite& site : layout.whole()) {
    for (const std::string& name : site.tensors) add(name, site.offset, site.shape);
  }
  return tensors;
}

absl::StatusOr<std::vector<float>> AdapterValues(const text::Safetensors& file, const AdapterLayout& layout) {
  std::size_t bytes = 0;
  for (const text::TensorView& tensor : file.tensors()) bytes += tensor.bytes.size();
  // Before a rank from outside asks for memory.
  if (bytes / sizeof(std::uint16_t) < static_cast<std::size_t>(layout.size())) {
    return absl::InvalidArgumentError("holds too little for such ranks on this model");
  }
  std::vector<float> values(static_cast<std::size_t>(layout.size()));
  for (const text::TensorView& wanted : AdapterTensors(layout, values)) {
    const text::TensorView* found = file.Find(wanted.name);
    if (found == nullptr) return absl::InvalidArgumentError(absl::StrCat("tensor ", wanted.name, " is missing"));
    if (found->shape != wanted.shape) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", wanted.name, " has the wrong shape for this model"));
    }
    const std::ptrdiff_t offset = reinterpret_cast<const float*>(wanted.bytes.data()) - values.data();
    if (!CopyAsFloat(*found, values.data() + offset)) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", wanted.name, " has type ",
                                                     std::string{text::DTypeName(found->dtype)},
                                                     "; F32 and BF16 are supported"));
    }
  }
  return values;
}

absl::Status WriteAdapterFiles(const std::filesystem::path& folder, const std::string& config,
                               std::span<const text::TensorView> tensors, text::Durability durability) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot create ", folder.string(), ": ", error.message()));
  const absl::Status written =
      text::WriteSafetensors(folder / "adapter_model.safetensors", tensors, {{"format", "pt"}}, durability);
  if (!written.ok()) return written;
  return text::WriteFile(folder / "adapter_config.json", config, durability);
}

absl::Status WriteAdapter(const std::filesystem::path& folder, const text::ModelConfig& model,
                          const AdapterConfig& config, std::span<const float> values, text::Durability durability) {
  return WriteAdapterFiles(folder, AdapterConfigText(model, config), AdapterTensors(config.Layout(model), values),
                           durability);
}

absl::StatusOr<Adapter> ReadAdapter(const std::filesystem::path& folder, const text::ModelConfig& model) {
  const std::string where = (folder / "adapter_config.json").string();
  const absl::StatusOr<Json> json = ReadConfig(where);
  if (!json.ok()) return json.status();
  const absl::StatusOr<double> rank = RequiredNumber(*json, "r", 1, where);
  if (!rank.ok()) return rank.status();
  const absl::StatusOr<double> alpha = RequiredNumber(*json, "lora_alpha", 0, where);
  if (!alpha.ok()) return alpha.status();
  const std::vector<std::string> names = text::ModuleNames(model);
  const absl::StatusOr<std::vector<double>> alphas = Alphas(*json, *alpha, names, where);
  if (!alphas.ok()) return alphas.status();
  const absl::StatusOr<text::Safetensors> file = text::Safetensors::Open(folder / "adapter_model.safetensors");
  if (!file.ok()) return file.status();

  Adapter adapter;
  AdapterConfig& config = adapter.config;
  config.rank = static_cast<std::int64_t>(std::min(*rank, static_cast<double>(kMaxRank)));
  config.alpha = *alpha;
  config.use_rslora = Flag(*json, "use_rslora");
  config.use_dora = Flag(*json, "use_dora");
  if (json->contains("lora_dropout") && (*json)["lora_dropout"].is_number()) {
    config.dropout = (*json)["lora_dropout"].get<double>();
  }
  if (json->contains("base_model_name_or_path") && (*json)["base_model_name_or_path"].is_string()) {
    config.base_model_name = (*json)["base_model_name_or_path"].get<std::string>();
  }
  // target_modules and rank_pattern may be many things: the tensors themselves say what is adapted, and how.
  for (std::size_t place = 0; place < names.size(); ++place) {
    text::ModuleAdapter& module = config.modules.emplace_back();
    // The embedding is the last of them.
    const char* const suffix = NameOfA(place + 1 == names.size());
    const text::TensorView* a = file->Find(absl::StrCat("base_model.model.", names[place], suffix));
    if (a == nullptr) continue;
    if (a->shape.size() != 2 || a->shape[0] < 1 || a->shape[0] > kMaxRank) {
      return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": tensor ", a->name, " is no A matrix"));
    }
    module = {.rank = a->shape[0], .alpha = (*alphas)[place]};
    module.scale = text::AdapterScale(module.rank, module.alpha, config.use_rslora);
  }
  absl::StatusOr<text::WholeChoice> choice = ReadWholeChoice(*json, where);
  if (!choice.ok()) return choice.status();
  config.whole_choice = *std::move(choice);
  std::vector<std::string> unused;  // PEFT does not mind names of modules that are not there
  absl::StatusOr<text::WholeParameters> whole = text::ResolveWhole(config.whole_choice, config.modules, model, &unused);
  if (!whole.ok()) return absl::InvalidArgumentError(absl::StrCat(where, ": ", std::string{whole.status().message()}));
  config.whole = *std::move(whole);
  const AdapterLayout layout = config.Layout(model);
  if (const std::vector<std::string> unexpected = Unexpected(*file, layout); !unexpected.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": holds ", unexpected.size(),
                                                   " tensors that belong to no adapter of this model ",
                                                   "and to none of modules_to_save and bias: ", unexpected.front()));
  }
  if (layout.sites().empty()) return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": holds no adapter"));
  absl::StatusOr<std::vector<float>> values = AdapterValues(*file, layout);
  if (!values.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": ", std::string{values.status().message()}));
  }
  adapter.values = *std::move(values);
  return adapter;
}

}  // namespace lorasweep::trainer
