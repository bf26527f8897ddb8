#include "trainer_core/text/weight_map.h"

#include "absl/strings/str_cat.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {
namespace {

constexpr std::size_t kMostIndexBytes = 100'000'000;

}  // namespace

absl::StatusOr<WeightMap> ReadWeightMap(const std::filesystem::path& index) {
  absl::StatusOr<std::string> text = ReadFile(index, kMostIndexBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<Json> json = ParseJson(*text, index.string());
  if (!json.ok()) return json.status();
  const Json* weight_map = FindField(*json, "weight_map");
  if (weight_map == nullptr || !weight_map->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(index.string(), ": \"weight_map\" must be an object"));
  }
  WeightMap files;
  for (const auto& [tensor, file] : weight_map->items()) {
    // Shards lie beside the index: a path could lead anywhere.
    const bool plain = file.is_string() && !file.get_ref<const std::string&>().empty() &&
                       std::filesystem::path(file.get<std::string>()).filename() == file.get<std::string>();
    if (!plain) {
      return absl::InvalidArgumentError(absl::StrCat(index.string(), ": weight_map: \"", tensor, "\" is in ",
                                                     ShowJson(file), ", expected the name of a file beside it"));
    }
    files[tensor] = file.get<std::string>();
  }
  return files;
}

std::set<std::string> ShardsOf(const WeightMap& weight_map) {
  std::set<std::string> files;
  for (const auto& [tensor, file] : weight_map) files.insert(file);
  return files;
}

}  // namespace lorasweep::text
