#include "trainer_core/text/safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/safetensors_header.h"

namespace lorasweep::text {
namespace {

constexpr std::size_t kMostIndexBytes = 100'000'000;

}  // namespace

absl::Status Safetensors::AddFile(const std::filesystem::path& file) {
  absl::StatusOr<std::shared_ptr<const MappedFile>> mapping = MappedFile::Open(file);
  if (!mapping.ok()) return mapping.status();
  absl::StatusOr<SafetensorsHeader> header = ParseSafetensorsHeader((*mapping)->text(), file.string());
  if (!header.ok()) return header.status();
  const std::span<const std::byte> data = (*mapping)->bytes().subspan(header->data_offset);
  for (HeaderTensor& tensor : header->tensors) {
    tensors_.push_back({std::move(tensor.name), tensor.dtype, std::move(tensor.shape),
                        data.subspan(tensor.begin, tensor.end - tensor.begin)});
  }
  metadata_.merge(header->metadata);
  mappings_.push_back(*std::move(mapping));
  return absl::OkStatus();
}

absl::Status Safetensors::AddShards(const std::filesystem::path& index) {
  absl::StatusOr<std::string> text = ReadFile(index, kMostIndexBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<Json> json = ParseJson(*text, index.string());
  if (!json.ok()) return json.status();
  const Json* weight_map = FindField(*json, "weight_map");
  if (weight_map == nullptr || !weight_map->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(index.string(), ": \"weight_map\" must be an object"));
  }
  std::set<std::string> files;
  for (const auto& [tensor, file] : weight_map->items()) {
    // Shards lie beside the index: a path could lead anywhere.
    const bool plain = file.is_string() && !file.get_ref<const std::string&>().empty() &&
                       std::filesystem::path(file.get<std::string>()).filename() == file.get<std::string>();
    if (!plain) {
      return absl::InvalidArgumentError(absl::StrCat(index.string(), ": weight_map: \"", tensor, "\" is in ",
                                                     ShowJson(file), ", expected the name of a file beside it"));
    }
    files.insert(file.get<std::string>());
  }
  for (const std::string& file : files) {
    if (absl::Status status = AddFile(index.parent_path() / file); !status.ok()) return status;
  }
  if (absl::Status status = Finish(); !status.ok()) return status;
  for (const auto& [tensor, file] : weight_map->items()) {
    if (Find(tensor) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(index.string(), ": tensor \"", tensor, "\" is missing from ", file.get<std::string>()));
    }
  }
  return absl::OkStatus();
}

absl::Status Safetensors::Finish() {
  std::sort(tensors_.begin(), tensors_.end(), [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(tensors_.begin(), tensors_.end(),
                                        [](const TensorView& a, const TensorView& b) { return a.name == b.name; });
  if (twice == tensors_.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("tensor \"", twice->name, "\" is in two files of the model"));
}

absl::StatusOr<Safetensors> Safetensors::Open(const std::filesystem::path& path) {
  Safetensors out;
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    if (absl::Status status = out.AddFile(path); !status.ok()) return status;
    if (absl::Status status = out.Finish(); !status.ok()) return status;
    return out;
  }
  const std::filesystem::path single = path / "model.safetensors";
  const std::filesystem::path index = path / "model.safetensors.index.json";
  if (std::filesystem::exists(single, error)) return Open(single);
  if (!std::filesystem::exists(index, error)) {
    return absl::NotFoundError(absl::StrCat("no model.safetensors or model.safetensors.index.json in ", path.string()));
  }
  if (absl::Status status = out.AddShards(index); !status.ok()) return status;
  return out;
}

const TensorView* Safetensors::Find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorView& tensor, std::string_view wanted) { return tensor.name < wanted; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

}  // namespace lorasweep::text
