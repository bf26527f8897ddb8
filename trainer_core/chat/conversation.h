#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"

namespace lorasweep::chat {

// One turn. role is system, user, assistant or tool; content is UTF-8.
struct Message {
  std::string role;
  std::string content;
  friend bool operator==(const Message&, const Message&) = default;
};

// A list of messages in ShareGPT's form ({"from", "value"}) or OpenAI's ({"role", "content"}), each message in
// whichever it is; other keys are ignored. Roles are mapped: human → user, gpt, model, chatgpt, bot → assistant,
// developer → system, function, observation, ipython → tool, function_call → assistant. Content may also be a list of
// text parts. InvalidArgument: no list or an empty one (called `key`), an unknown role (with those that are known),
// content that is not text.
absl::StatusOr<std::vector<Message>> MessagesFromJson(const nlohmann::json& list, const std::string& key);

}  // namespace lorasweep::chat
