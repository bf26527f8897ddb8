#include "trainer_core/text/safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/safetensors_header.h"
#include "trainer_core/text/weight_map.h"

namespace lorasweep::text {

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
  const absl::StatusOr<WeightMap> weight_map = ReadWeightMap(index);
  if (!weight_map.ok()) return weight_map.status();
  for (const std::string& file : ShardsOf(*weight_map)) {
    if (absl::Status status = AddFile(index.parent_path() / file); !status.ok()) return status;
  }
  if (absl::Status status = Finish(); !status.ok()) return status;
  for (const auto& [tensor, file] : *weight_map) {
    if (Find(tensor) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(index.string(), ": tensor \"", tensor, "\" is missing from ", file));
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
  const std::filesystem::path single = path / kWeightsFile;
  const std::filesystem::path index = path / kWeightsIndex;
  if (std::filesystem::exists(single, error)) return Open(single);
  if (!std::filesystem::exists(index, error)) {
    return absl::NotFoundError(absl::StrCat("no ", kWeightsFile, " or ", kWeightsIndex, " in ", path.string()));
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
