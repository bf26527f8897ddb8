#include "trainer_core/trainer/adapter_io.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {
namespace {

using Json = nlohmann::json;

constexpr std::uintmax_t kMaxConfigBytes = 1 << 20;
constexpr double kMaxRank = 65536;  // keeps products of sizes far from overflow

// PEFT declares lora_alpha an integer: written as one where it is.
Json Number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

absl::Status WriteText(const std::filesystem::path& file, const std::string& text) {
  const std::filesystem::path part = file.string() + ".part";
  {
    std::ofstream stream(part, std::ios::binary | std::ios::trunc);
    stream << text;
    stream.flush();
    if (!stream) return absl::UnavailableError(absl::StrCat("cannot write ", part.string()));
  }
  std::error_code error;
  std::filesystem::rename(part, file, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot write ", file.string(), ": ", error.message()));
  return absl::OkStatus();
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

}  // namespace

std::string AdapterConfigText(const text::ModelConfig& model, const AdapterConfig& config) {
  const Json json = {{"alpha_pattern", Json::object()},
                     {"auto_mapping", nullptr},
                     {"base_model_name_or_path", config.base_model_name},
                     {"bias", "none"},
                     {"fan_in_fan_out", text::LinearModules(model).front().transposed},
                     {"inference_mode", true},
                     {"init_lora_weights", true},
                     {"layers_pattern", nullptr},
                     {"layers_to_transform", nullptr},
                     {"lora_alpha", Number(config.alpha)},
                     {"lora_dropout", config.dropout},
                     {"modules_to_save", nullptr},
                     {"peft_type", "LORA"},
                     {"r", config.rank},
                     {"rank_pattern", Json::object()},
                     {"revision", nullptr},
                     {"target_modules", text::TargetModules(model, config.targets)},
                     {"task_type", "CAUSAL_LM"},
                     {"use_dora", false},
                     {"use_rslora", false}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::vector<text::TensorView> AdapterTensors(const AdapterLayout& layout, std::span<const float> values) {
  std::vector<text::TensorView> tensors;
  const auto add = [&](const std::string& name, std::int64_t offset, std::int64_t rows, std::int64_t columns) {
    const auto part = values.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(rows * columns));
    tensors.push_back(
        {.name = name, .dtype = text::DType::kF32, .shape = {rows, columns}, .bytes = std::as_bytes(part)});
  };
  for (const LoraSite& site : layout.sites()) {
    add(site.peft_name + ".lora_A.weight", site.a_offset, layout.rank(), site.shape.in);
    add(site.peft_name + ".lora_B.weight", site.b_offset, site.shape.out, layout.rank());
  }
  return tensors;
}

absl::StatusOr<std::vector<float>> AdapterValues(const text::Safetensors& file, const AdapterLayout& layout) {
  std::size_t bytes = 0;
  for (const text::TensorView& tensor : file.tensors()) bytes += tensor.bytes.size();
  // Before a rank from outside asks for memory.
  if (bytes / sizeof(std::uint16_t) < static_cast<std::size_t>(layout.size())) {
    return absl::InvalidArgumentError(absl::StrCat("holds too little for rank ", layout.rank(), " on this model"));
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
                               std::span<const text::TensorView> tensors) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot create ", folder.string(), ": ", error.message()));
  const absl::Status written =
      text::WriteSafetensors(folder / "adapter_model.safetensors", tensors, {{"format", "pt"}});
  if (!written.ok()) return written;
  return WriteText(folder / "adapter_config.json", config);
}

absl::Status WriteAdapter(const std::filesystem::path& folder, const text::ModelConfig& model,
                          const AdapterConfig& config, const AdapterLayout& layout, std::span<const float> values) {
  return WriteAdapterFiles(folder, AdapterConfigText(model, config), AdapterTensors(layout, values));
}

absl::StatusOr<Adapter> ReadAdapter(const std::filesystem::path& folder, const text::ModelConfig& model) {
  const std::string where = (folder / "adapter_config.json").string();
  const absl::StatusOr<Json> json = ReadConfig(where);
  if (!json.ok()) return json.status();
  if (json->value("peft_type", Json()) != "LORA") {
    return absl::InvalidArgumentError(absl::StrCat(where, ": peft_type must be LORA"));
  }
  if (Flag(*json, "use_dora")) return absl::UnimplementedError(absl::StrCat(where, ": DoRA is not supported"));
  for (const char* pattern : {"rank_pattern", "alpha_pattern"}) {
    if (json->contains(pattern) && !(*json)[pattern].empty()) {
      return absl::UnimplementedError(absl::StrCat(where, ": ", pattern, " is not supported"));
    }
  }
  const absl::StatusOr<double> rank = RequiredNumber(*json, "r", 1, where);
  if (!rank.ok()) return rank.status();
  const absl::StatusOr<double> alpha = RequiredNumber(*json, "lora_alpha", 0, where);
  if (!alpha.ok()) return alpha.status();

  const absl::StatusOr<text::Safetensors> file = text::Safetensors::Open(folder / "adapter_model.safetensors");
  if (!file.ok()) return file.status();
  Adapter adapter;
  adapter.config.rank = static_cast<std::int64_t>(std::min(*rank, kMaxRank));
  adapter.config.alpha = Flag(*json, "use_rslora") ? *alpha * std::sqrt(*rank) : *alpha;
  if (json->contains("lora_dropout") && (*json)["lora_dropout"].is_number()) {
    adapter.config.dropout = (*json)["lora_dropout"].get<double>();
  }
  if (json->contains("base_model_name_or_path") && (*json)["base_model_name_or_path"].is_string()) {
    adapter.config.base_model_name = (*json)["base_model_name_or_path"].get<std::string>();
  }
  // target_modules may be a list, a word or a pattern: the tensors themselves say what is adapted.
  const std::size_t modules = text::LinearModules(model).size();
  text::SiteSet everywhere(model.layers, modules);
  adapter.config.targets = text::SiteSet(model.layers, modules);
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    for (std::size_t module = 0; module < modules; ++module) everywhere.Add(layer, module);
  }
  const AdapterLayout places(model, everywhere, 1);
  for (const LoraSite& site : places.sites()) {
    if (file->Find(site.peft_name + ".lora_A.weight") != nullptr) adapter.config.targets.Add(site.layer, site.module);
  }
  const AdapterLayout layout(model, adapter.config.targets, adapter.config.rank);
  if (layout.sites().empty() || file->tensors().size() != 2 * layout.sites().size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder.string(), ": holds ", file->tensors().size(), " tensors where ", 2 * layout.sites().size(),
                     " were expected (LoRA matrices of linear modules that the model has, and nothing else)"));
  }
  absl::StatusOr<std::vector<float>> values = AdapterValues(*file, layout);
  if (!values.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": ", std::string{values.status().message()}));
  }
  adapter.values = *std::move(values);
  return adapter;
}

}  // namespace lorasweep::trainer
