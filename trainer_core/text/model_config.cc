#include "trainer_core/text/model_config.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/architecture.h"
#include "trainer_core/text/field_reader.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {
namespace {

constexpr std::size_t kMostFileBytes = 16 * 1024 * 1024;

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
  FieldReader root(*json, place);
  ReadArchitecture(root, config);
  if (!root.ok()) return root.status();
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
