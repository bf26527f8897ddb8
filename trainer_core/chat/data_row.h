#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "trainer_core/chat/conversation.h"

namespace lorasweep::chat {

// A conversation. Of one that came as prompt and completion, the first `prompt` messages are the prompt; else 0.
struct Chat {
  std::vector<Message> messages;
  std::size_t prompt = 0;
};

// An instruction with its answer, in Stanford Alpaca's keys.
struct Instruction {
  std::string system = {};                                        // empty: none
  std::vector<std::pair<std::string, std::string>> history = {};  // earlier instructions with their answers
  std::string instruction = {};
  std::string input = {};  // empty: none
  std::string output = {};
};

struct Completion {
  std::string prompt;
  std::string completion;
};

struct PlainText {
  std::string text;
};

// A question with the answers to choose from.
struct MultipleChoice {
  std::string question;
  std::vector<std::string> choices;  // 2 to 64
  std::size_t right = 0;             // index in choices
};

using RowContent = std::variant<Chat, Instruction, Completion, PlainText, MultipleChoice>;

// How a row says what it holds. kAuto: by its keys, the first of these that is there (with a value other than null):
//   messages           "messages" or "conversations": a list of messages, see MessagesFromJson
//   prompt_completion  "prompt" and "completion": two texts, or two lists of messages
//   alpaca             "instruction" and "output" (or "response"), perhaps "input" (or "context"), "system", "history"
//   choice             "question", "prompt" or "ctx", with "choices" or "endings" (a list of texts, or ARC's object of
//                      "text" and "label") and "answer", "answerKey" or "label" (an index from 0, a label, a letter, or
//                      the text of the right one)
//   text               "text"
// Other keys are ignored.
enum class RowForm { kAuto, kMessages, kPromptCompletion, kAlpaca, kChoice, kText };

// InvalidArgument says what is wrong, without the place: not an object, keys of no form (with those that were found), a
// value that is not what its key is for.
absl::StatusOr<RowContent> RowFromJson(const nlohmann::json& json, RowForm form = RowForm::kAuto);
// The same from a row's bytes, whatever they are.
absl::StatusOr<RowContent> ParseRow(std::string_view row, RowForm form = RowForm::kAuto);

// SHA-256 of a row's roles and texts: equal for equal rows, also when keys around them differ.
std::string ContentDigest(const RowContent& content);

// An instruction as turns of a conversation, input behind the instruction on a line of its own, as LLaMA-Factory joins
// them.
Chat AsChat(const Instruction& row);
// An instruction as Stanford Alpaca's prompt with the answer as its completion; `system` stands in place of the
// prompt's first paragraph.
Completion AsCompletion(const Instruction& row);

// One of the choices as the answer: to a user's question, or behind it, one space apart.
Chat AsChat(const MultipleChoice& row, std::size_t choice);
Completion AsCompletion(const MultipleChoice& row, std::size_t choice);

// One row of a data file and where it stands, for messages about it.
struct DataRow {
  RowContent content;
  std::string file;
  std::int64_t line = 0;  // 1-based; of its first byte, in a Parquet file of the row

  std::string Where() const;  // "data.jsonl:17"
};

}  // namespace lorasweep::chat
