#include "trainer_core/chat/exam.h"

#include <span>

#include "absl/strings/str_cat.h"
#include "trainer_core/chat/end_of_turn.h"

namespace lorasweep::chat {

absl::StatusOr<Exam> Exam::Load(const std::filesystem::path& model_folder, const Options& options) {
  auto supervisor = Supervisor::Load(
      model_folder,
      {.loss_on = LossOn::kAssistant, .chat_template = options.chat_template, .system_prompt = options.system_prompt});
  if (!supervisor.ok()) return supervisor.status();
  return Exam(*std::move(supervisor), options.every_turn);
}

Exam::Exam(Supervisor supervisor, bool every_turn) : supervisor_(std::move(supervisor)), every_turn_(every_turn) {
  if (supervisor_.chat_template() == nullptr) return;
  if (const auto end = EndOfTurn(*supervisor_.chat_template(), tokenizer())) stop_ids_.push_back(*end);
}

absl::StatusOr<ExamRow> Exam::Ask(const RowContent& content) const {
  ExamRow row;
  if (const auto* choice = std::get_if<MultipleChoice>(&content)) {
    auto question = AskChoice(*choice);
    if (!question.ok()) return question.status();
    row.choice = *std::move(question);
    return row;
  }
  auto supervised = supervisor_.Supervise(content);
  if (!supervised.ok()) return supervised.status();
  if (supervised->sequence.LearnedTokens() > 0) row.text = std::move(supervised->sequence);

  const auto ask_text = [&](const Completion& completion) {
    row.open.push_back({.prompt = tokenizer().Encode(completion.prompt, {.add_special_tokens = true}),
                        .asked = completion.prompt,
                        .reference = completion.completion});
  };
  absl::Status asked;
  if (const auto* chat = std::get_if<Chat>(&content)) {
    asked = AskChat(*chat, &row);
  } else if (const auto* instruction = std::get_if<Instruction>(&content)) {
    if (supervisor_.chat_template() != nullptr) {
      asked = AskChat(AsChat(*instruction), &row);
    } else {
      ask_text(AsCompletion(*instruction));
    }
  } else if (const auto* completion = std::get_if<Completion>(&content)) {
    ask_text(*completion);
  }
  if (!asked.ok()) return asked;
  // A prompt without a token cannot be gone on from.
  std::erase_if(row.open, [](const OpenQuestion& question) { return question.prompt.empty(); });
  return row;
}

absl::Status Exam::AskChat(const Chat& chat, ExamRow* row) const {
  const std::vector<Message> messages = supervisor_.WithSystemPrompt(chat.messages);
  std::vector<std::size_t> answers;  // places of what is to be answered
  for (std::size_t i = 1; i < messages.size(); ++i) {
    if (messages[i].role == "assistant" && messages[i - 1].role != "assistant") answers.push_back(i);
  }
  if (!messages.empty() && messages.back().role == "user") answers.push_back(messages.size());
  if (!every_turn_ && answers.size() > 1) answers.erase(answers.begin(), answers.end() - 1);
  for (const std::size_t answer : answers) {
    const auto rendered =
        supervisor_.chat_template()->Render(std::span(messages).first(answer), {.add_generation_prompt = true});
    if (!rendered.ok()) return rendered.status();
    row->open.push_back({.prompt = tokenizer().Encode(rendered->text),
                         .asked = messages[answer - 1].content,
                         .reference = answer < messages.size() ? messages[answer].content : ""});
  }
  return absl::OkStatus();
}

absl::StatusOr<ChoiceQuestion> Exam::AskChoice(const MultipleChoice& choice) const {
  ChoiceQuestion question{.options = {}, .bytes = {}, .right = choice.right, .asked = choice.question};
  for (std::size_t i = 0; i < choice.choices.size(); ++i) {
    MultipleChoice chosen = choice;
    chosen.right = i;
    auto supervised = supervisor_.Supervise(chosen);
    if (!supervised.ok()) return supervised.status();
    text::Sequence& option = supervised->sequence;
    for (std::size_t token = 0; token < option.ids.size(); ++token) {
      if (tokenizer().IsSpecial(option.ids[token])) option.learned[token] = 0;
    }
    if (option.LearnedTokens() == 0) return absl::InvalidArgumentError(absl::StrCat("choice ", i, " has no token"));
    question.options.push_back(std::move(option));
    question.bytes.push_back(choice.choices[i].size());
  }
  return question;
}

}  // namespace lorasweep::chat
