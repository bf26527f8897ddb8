#include "trainer_core/chat/model_json.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "trainer_core/text/file.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::chat {

using Json = nlohmann::json;

absl::StatusOr<Json> ReadJsonObject(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return Json::object();
  auto text = text::ReadFile(file, kMaxModelFileBytes);
  if (!text.ok()) return text.status();
  auto json = text::ParseJson(*text, file.string());
  if (json.ok() && !json->is_object())
    return absl::InvalidArgumentError(absl::StrCat(file.string(), ": not a JSON object"));
  return json;
}

std::optional<std::string> TokenText(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_object() && found->contains("content") && (*found)["content"].is_string()) {
    return (*found)["content"].get<std::string>();
  }
  return std::nullopt;
}

}  // namespace lorasweep::chat
