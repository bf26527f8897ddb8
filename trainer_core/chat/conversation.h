#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace lorasweep::chat {

// One turn. role is system, user, assistant or tool; content is UTF-8.
struct Message {
  std::string role;
  std::string content;
};

// One row of a data file and where it stands, for messages about it.
struct Conversation {
  std::vector<Message> messages;
  std::string file;
  std::int64_t line = 0;  // 1-based; of its first byte

  std::string Where() const;  // "data.jsonl:17"
};

// Reads one row: ShareGPT ({"conversations": [{"from", "value"}]}) or OpenAI messages ({"messages": [{"role",
// "content"}]}), whichever it is; other keys are ignored. Roles are mapped: human → user, gpt, model, chatgpt, bot →
// assistant, developer → system, function, observation, ipython → tool, function_call → assistant. Content may also be
// a list of text parts. What is not UTF-8 is read as U+FFFD.
// InvalidArgument says what is wrong, without the place: not JSON, no conversation, an unknown role (with those that
// are known), content that is not text, no messages.
absl::StatusOr<std::vector<Message>> ParseConversation(std::string_view row);

}  // namespace lorasweep::chat
