#include "trainer_core/chat/conversation.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/utf8.h"

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

int HexValue(std::string_view digits) {
  int value = 0;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// The value of the \uXXXX escape at text[at], or -1.
int UnicodeEscape(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  return HexValue(text.substr(at + 2, 4));
}

// Escapes of lone surrogates, which Python writes and reads but UTF-8 cannot hold, become U+FFFD.
std::string ReplaceLoneSurrogates(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    const int value = UnicodeEscape(text, i);
    if (value < 0xD800 || value > 0xDFFF) {  // any other escape is two characters or more: never split "\\\\"
      out += text.substr(i, 2);
      i += 2;
      continue;
    }
    const int next = UnicodeEscape(text, i + 6);
    if (value < 0xDC00 && next >= 0xDC00 && next <= 0xDFFF) {
      out += text.substr(i, 12);
      i += 12;
    } else {
      out += "\\ufffd";
      i += 6;
    }
  }
  return out;
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

std::string Conversation::Where() const {
  return absl::StrCat(file, ":", line);
}

absl::StatusOr<std::vector<Message>> ParseConversation(std::string_view row) {
  Json json;
  try {
    json = Json::parse(ReplaceLoneSurrogates(text::ReplaceBrokenUtf8(row)));
  } catch (const Json::exception& exception) {
    return absl::InvalidArgumentError(absl::StrCat("not JSON: ", text::JsonCause(exception)));
  }
  if (!json.is_object()) return absl::InvalidArgumentError("not a JSON object");
  const bool share_gpt = json.contains("conversations");
  const char* list_key = share_gpt ? "conversations" : "messages";
  const auto list = json.find(list_key);
  if (list == json.end()) {
    return absl::InvalidArgumentError("no conversation: neither \"messages\" nor \"conversations\"");
  }
  if (!list->is_array()) return absl::InvalidArgumentError(absl::StrCat("\"", list_key, "\" is not a list"));
  if (list->empty()) return absl::InvalidArgumentError(absl::StrCat("\"", list_key, "\" is empty"));
  std::vector<Message> messages;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& item = (*list)[i];
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
