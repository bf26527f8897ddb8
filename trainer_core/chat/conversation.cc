#include "trainer_core/chat/conversation.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace lorasweep::chat {
namespace {

using Json = nlohmann::json;

constexpr std::pair<std::string_view, std::string_view> kRoles[] = {
    {"system", "system"},       {"developer", "system"},
    {"user", "user"},           {"human", "user"},
    {"assistant", "assistant"}, {"gpt", "assistant"},
    {"model", "assistant"},     {"chatgpt", "assistant"},
    {"bot", "assistant"},       {"function_call", "assistant"},
    {"tool", "tool"},           {"function", "tool"},
    {"observation", "tool"},    {"ipython", "tool"},
};

std::string KnownRoles() {
  std::string list;
  for (const auto& [name, role] : kRoles) absl::StrAppend(&list, list.empty() ? "" : ", ", std::string(name));
  return list;
}

absl::StatusOr<std::string> Content(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    std::string joined;
    for (const Json& part : value) {
      if (part.is_string()) {
        joined += part.get<std::string>();
        continue;
      }
      if (!part.is_object() || !part.contains("text") || !part["text"].is_string()) {
        return absl::InvalidArgumentError("has content with a part that is not text");
      }
      joined += part["text"].get<std::string>();
    }
    return joined;
  }
  return absl::InvalidArgumentError(absl::StrCat("has content that is not text but ", value.type_name()));
}

absl::StatusOr<Message> ParseMessage(const Json& json, const char* role_key, const char* content_key) {
  if (!json.is_object()) return absl::InvalidArgumentError("is not an object");
  const auto role = json.find(role_key);
  if (role == json.end() || !role->is_string()) {
    return absl::InvalidArgumentError(absl::StrCat("has no \"", role_key, "\""));
  }
  const std::string name = role->get<std::string>();
  Message message;
  for (const auto& [known, mapped] : kRoles) {
    if (name == known) message.role = mapped;
  }
  if (message.role.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("has the unknown role \"", name, "\" (known: ", KnownRoles(), ")"));
  }
  const auto content = json.find(content_key);
  if (content == json.end()) return absl::InvalidArgumentError(absl::StrCat("has no \"", content_key, "\""));
  auto text = Content(*content);
  if (!text.ok()) return text.status();
  message.content = *std::move(text);
  return message;
}

}  // namespace

absl::StatusOr<std::vector<Message>> MessagesFromJson(const Json& list, const std::string& key) {
  if (!list.is_array()) return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is not a list"));
  if (list.empty()) return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is empty"));
  std::vector<Message> messages;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json& item = list[i];
    // Some files put OpenAI's keys under ShareGPT's name and the other way round: the message decides.
    const bool from_value = item.is_object() && item.contains("from");
    auto message = ParseMessage(item, from_value ? "from" : "role", from_value ? "value" : "content");
    if (!message.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("message ", i + 1, " ", std::string(message.status().message())));
    }
    messages.push_back(*std::move(message));
  }
  return messages;
}

}  // namespace lorasweep::chat
