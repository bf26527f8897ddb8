#include "trainer_core/chat/data_row.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "trainer_core/chat/lenient_json.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::chat {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostKeysShown = 20;
constexpr std::size_t kLongestKeyShown = 40;
constexpr std::size_t kMostChoices = 64;

// The first of the keys that is there and not null.
const char* FindKey(const Json& object, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const auto found = object.find(key);
    if (found != object.end() && !found->is_null()) return key;
  }
  return nullptr;
}

absl::Status Missing(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("has no ", what));
}

// The text under `key`; none when it is null.
absl::StatusOr<std::string> Text(const Json& object, const char* key) {
  if (key == nullptr) return std::string();
  const Json& value = object.at(key);
  if (value.is_string()) return value.get<std::string>();
  return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is not a text but ", value.type_name()));
}

absl::StatusOr<RowContent> MessagesRow(const Json& json) {
  const char* key = FindKey(json, {"conversations", "messages"});
  if (key == nullptr) return Missing("\"messages\" or \"conversations\"");
  auto messages = MessagesFromJson(json.at(key), key);
  if (!messages.ok()) return messages.status();
  return Chat{.messages = *std::move(messages)};
}

absl::StatusOr<RowContent> PromptCompletionRow(const Json& json) {
  if (FindKey(json, {"prompt"}) == nullptr) return Missing("\"prompt\"");
  if (FindKey(json, {"completion"}) == nullptr) return Missing("\"completion\"");
  if (json.at("prompt").is_array() != json.at("completion").is_array()) {
    return absl::InvalidArgumentError(
        "of \"prompt\" and \"completion\" one is a list of messages and the other is not");
  }
  if (!json.at("prompt").is_array()) {
    auto prompt = Text(json, "prompt");
    if (!prompt.ok()) return prompt.status();
    auto completion = Text(json, "completion");
    if (!completion.ok()) return completion.status();
    return Completion{.prompt = *std::move(prompt), .completion = *std::move(completion)};
  }
  auto messages = MessagesFromJson(json.at("prompt"), "prompt");
  if (!messages.ok()) return messages.status();
  auto completion = MessagesFromJson(json.at("completion"), "completion");
  if (!completion.ok()) return completion.status();
  Chat chat{.messages = *std::move(messages)};
  chat.prompt = chat.messages.size();
  chat.messages.insert(chat.messages.end(), completion->begin(), completion->end());
  return chat;
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> History(const Json& json) {
  std::vector<std::pair<std::string, std::string>> history;
  if (FindKey(json, {"history"}) == nullptr) return history;
  const absl::Status wrong = absl::InvalidArgumentError("\"history\" is not a list of pairs of texts");
  if (!json.at("history").is_array()) return wrong;
  for (const Json& pair : json.at("history")) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) return wrong;
    history.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
  }
  return history;
}

absl::StatusOr<RowContent> AlpacaRow(const Json& json) {
  Instruction row;
  const char* output = FindKey(json, {"output", "response"});
  if (FindKey(json, {"instruction"}) == nullptr) return Missing("\"instruction\"");
  if (output == nullptr) return Missing("\"output\"");
  const std::pair<std::string*, const char*> texts[] = {{&row.system, FindKey(json, {"system"})},
                                                        {&row.instruction, "instruction"},
                                                        {&row.input, FindKey(json, {"input", "context"})},
                                                        {&row.output, output}};
  for (const auto& [text, key] : texts) {
    auto value = Text(json, key);
    if (!value.ok()) return value.status();
    *text = *std::move(value);
  }
  auto history = History(json);
  if (!history.ok()) return history.status();
  row.history = *std::move(history);
  return row;
}

absl::StatusOr<std::vector<std::string>> Texts(const Json& list, const char* key) {
  const absl::Status wrong = absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is not a list of texts"));
  if (!list.is_array()) return wrong;
  std::vector<std::string> texts;
  for (const Json& text : list) {
    if (!text.is_string()) return wrong;
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

// Which of the choices an answer means: an index, a label, a letter from A on, or the text itself; their number when it
// means none of them.
std::size_t RightChoice(const Json& answer, const std::vector<std::string>& choices,
                        const std::vector<std::string>& labels) {
  if (answer.is_number_integer()) {
    const auto index = answer.get<std::int64_t>();
    return index >= 0 ? static_cast<std::size_t>(index) : choices.size();
  }
  if (!answer.is_string()) return choices.size();
  const auto text = answer.get<std::string>();
  for (const auto* known : {&labels, &choices}) {
    const auto found = std::find(known->begin(), known->end(), text);
    if (found != known->end()) return static_cast<std::size_t>(found - known->begin());
  }
  if (text.size() == 1 && text[0] >= 'A' && text[0] <= 'Z') return static_cast<std::size_t>(text[0] - 'A');
  std::size_t index = 0;
  return !text.empty() && text[0] != '-' && absl::SimpleAtoi(text, &index) ? index : choices.size();
}

absl::StatusOr<RowContent> ChoiceRow(const Json& json) {
  const char* question = FindKey(json, {"question", "prompt", "ctx"});
  const char* choices = FindKey(json, {"choices", "endings"});
  const char* answer = FindKey(json, {"answer", "answerKey", "label"});
  if (question == nullptr) return Missing("\"question\"");
  if (choices == nullptr) return Missing("\"choices\"");
  if (answer == nullptr) return Missing("\"answer\"");
  auto asked = Text(json, question);
  if (!asked.ok()) return asked.status();
  const Json& given = json.at(choices);
  const bool labelled = given.is_object() && given.contains("text") && given.contains("label");
  auto texts = Texts(labelled ? given.at("text") : given, choices);
  if (!texts.ok()) return texts.status();
  absl::StatusOr<std::vector<std::string>> labels = std::vector<std::string>();
  if (labelled) labels = Texts(given.at("label"), "label");
  if (!labels.ok()) return labels.status();
  if (texts->size() < 2 || texts->size() > kMostChoices) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", choices, "\" has ", texts->size(), " entries; allowed are 2 to ", kMostChoices));
  }
  const std::size_t right = RightChoice(json.at(answer), *texts, *labels);
  if (right >= texts->size()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", answer, "\" names none of the ", texts->size(), " choices"));
  }
  return MultipleChoice{.question = *std::move(asked), .choices = *std::move(texts), .right = right};
}

absl::StatusOr<RowContent> TextRow(const Json& json) {
  if (FindKey(json, {"text"}) == nullptr) return Missing("\"text\"");
  auto text = Text(json, "text");
  if (!text.ok()) return text.status();
  return PlainText{.text = *std::move(text)};
}

// kAuto when the keys are of no form.
RowForm FormOf(const Json& json) {
  if (FindKey(json, {"messages", "conversations"}) != nullptr) return RowForm::kMessages;
  if (FindKey(json, {"prompt"}) != nullptr && FindKey(json, {"completion"}) != nullptr) {
    return RowForm::kPromptCompletion;
  }
  if (FindKey(json, {"instruction"}) != nullptr && FindKey(json, {"output", "response"}) != nullptr) {
    return RowForm::kAlpaca;
  }
  if (FindKey(json, {"question", "prompt", "ctx"}) != nullptr && FindKey(json, {"choices", "endings"}) != nullptr) {
    return RowForm::kChoice;
  }
  return FindKey(json, {"text"}) != nullptr ? RowForm::kText : RowForm::kAuto;
}

absl::Status UnknownForm(const Json& json) {
  std::string keys;
  std::size_t shown = 0;
  for (const auto& [key, value] : json.items()) {
    if (value.is_null()) continue;
    if (shown++ == kMostKeysShown) {
      keys += ", …";
      break;
    }
    absl::StrAppend(&keys, shown == 1 ? "" : ", ", "\"", key.substr(0, kLongestKeyShown), "\"");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the row's keys are of no known form: ", keys.empty() ? "none with a value" : keys,
                   " (known: \"messages\" or \"conversations\"; \"prompt\" and \"completion\"; \"instruction\" and ",
                   "\"output\"; \"question\" and \"choices\"; \"text\")"));
}

}  // namespace

std::string DataRow::Where() const {
  return absl::StrCat(file, ":", line);
}

absl::StatusOr<RowContent> RowFromJson(const Json& json, RowForm form) {
  if (!json.is_object()) return absl::InvalidArgumentError("not a JSON object");
  switch (form == RowForm::kAuto ? FormOf(json) : form) {
    case RowForm::kMessages:
      return MessagesRow(json);
    case RowForm::kPromptCompletion:
      return PromptCompletionRow(json);
    case RowForm::kAlpaca:
      return AlpacaRow(json);
    case RowForm::kChoice:
      return ChoiceRow(json);
    case RowForm::kText:
      return TextRow(json);
    case RowForm::kAuto:
      break;
  }
  return UnknownForm(json);
}

absl::StatusOr<RowContent> ParseRow(std::string_view row, RowForm form) {
  auto json = ParseLenientJson(row);
  if (!json.ok()) return json.status();
  return RowFromJson(*json, form);
}

std::string ContentDigest(const RowContent& content) {
  text::Sha256 hash;
  const auto add = [&hash](std::string_view text) {
    hash.Update(absl::StrCat(text.size(), ":"));
    hash.Update(text);
  };
  hash.Update(absl::StrCat(content.index(), ";"));
  if (const auto* chat = std::get_if<Chat>(&content)) {
    hash.Update(absl::StrCat(chat->prompt, ";"));
    for (const Message& message : chat->messages) {
      add(message.role);
      add(message.content);
    }
  } else if (const auto* row = std::get_if<Instruction>(&content)) {
    for (const std::string* text : {&row->system, &row->instruction, &row->input, &row->output}) add(*text);
    for (const auto& [instruction, output] : row->history) {
      add(instruction);
      add(output);
    }
  } else if (const auto* completion = std::get_if<Completion>(&content)) {
    add(completion->prompt);
    add(completion->completion);
  } else if (const auto* choice = std::get_if<MultipleChoice>(&content)) {
    add(choice->question);
    for (const std::string& text : choice->choices) add(text);
    hash.Update(absl::StrCat(choice->right, ";"));
  } else {
    add(std::get<PlainText>(content).text);
  }
  return hash.HexDigest();
}

Chat AsChat(const Instruction& row) {
  Chat chat;
  if (!row.system.empty()) chat.messages.push_back({"system", row.system});
  for (const auto& [instruction, output] : row.history) {
    chat.messages.push_back({"user", instruction});
    chat.messages.push_back({"assistant", output});
  }
  chat.messages.push_back(
      {"user", row.input.empty() ? row.instruction : absl::StrCat(row.instruction, "\n", row.input)});
  chat.messages.push_back({"assistant", row.output});
  return chat;
}

Completion AsCompletion(const Instruction& row) {
  std::string prompt = row.system;
  if (prompt.empty()) {
    prompt = row.input.empty() ? "Below is an instruction that describes a task. Write a response that appropriately "
                                 "completes the request."
                               : "Below is an instruction that describes a task, paired with an input that provides "
                                 "further context. Write a response that appropriately completes the request.";
  }
  for (const auto& [instruction, output] : row.history) {
    absl::StrAppend(&prompt, "\n\n### Instruction:\n", instruction, "\n\n### Response:\n", output);
  }
  absl::StrAppend(&prompt, "\n\n### Instruction:\n", row.instruction);
  if (!row.input.empty()) absl::StrAppend(&prompt, "\n\n### Input:\n", row.input);
  absl::StrAppend(&prompt, "\n\n### Response:\n");
  return {.prompt = std::move(prompt), .completion = row.output};
}

Chat AsChat(const MultipleChoice& row, std::size_t choice) {
  return {.messages = {{"user", row.question}, {"assistant", row.choices[choice]}}};
}

Completion AsCompletion(const MultipleChoice& row, std::size_t choice) {
  return {.prompt = row.question, .completion = absl::StrCat(" ", row.choices[choice])};
}

}  // namespace lorasweep::chat
