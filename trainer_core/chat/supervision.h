#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/chat/chat_template.h"
#include "trainer_core/chat/data_row.h"
#include "trainer_core/chat/turn_finder.h"
#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::chat {

// Which tokens of a row are learned. The first one, which nothing predicts, never is.
//   kAssistant   all that the model is to write: every assistant turn; completions; plain texts
//   kLastTurn    of a conversation its last answer only; else as kAssistant
//   kCompletion  all that stands behind the prompt, as TRL's completion_only_loss; of conversations that came without
//                a prompt, the last answer; plain texts
//   kAll         everything
enum class LossOn { kAssistant, kLastTurn, kCompletion, kAll };

struct SupervisionOptions {
  LossOn loss_on = LossOn::kAssistant;
  std::string chat_template = "";  // see ChatTemplateSource; empty: the model's own
  std::string system_prompt = "";  // for conversations and instructions that have none of their own
};

// A row as the model sees it, and what of it the model is to learn.
struct Supervised {
  std::string text;
  text::Sequence sequence;
  std::vector<ByteSpan> learned;  // the text of the learned tokens, neighbours joined
};

// Turns rows into token sequences with a mask of the learned tokens.
//
//   auto supervisor = Supervisor::Load("SmolLM2-135M-Instruct", {.loss_on = LossOn::kAssistant});
//   auto row = supervisor->Supervise(data_row.content);
//
// Conversations are rendered by the chat template; the ids are those of the whole text encoded at once without added
// special tokens, so a BOS is there once if the template writes it and never twice. An assistant turn is learned from
// behind its header through the token that ends it, also when that is the padding token. Where the template has
// {% generation %} blocks they decide what a turn is, token by token as transformers maps them; else see TurnFinder.
//
// Instructions are conversations where there is a chat template, else Stanford Alpaca's prompt with its completion.
// Questions with choices are conversations, or completions, whose answer is the right choice. Completions and plain
// texts get the model's eos_token as their end unless they end so, and what the tokenizer puts around texts (a BOS),
// once. A completion begins where the tokens of the prompt alone and those of the whole diverge, as in TRL. Immutable;
// may be used from any thread.
class Supervisor {
 public:
  // Reads tokenizer.json, the template and the special tokens of a model's folder. A model without a template is in
  // order until a row needs one. Errors: those of the files.
  static absl::StatusOr<Supervisor> Load(const std::filesystem::path& model_folder, const SupervisionOptions& options);
  // `chat_template` may be the reason why there is none.
  Supervisor(absl::StatusOr<ChatTemplate> chat_template, SpecialTokens special_tokens, text::Tokenizer tokenizer,
             const SupervisionOptions& options);

  // InvalidArgument: the template refuses the conversation, with its own words; a plain text where a system prompt is
  // wanted; the model has no eos_token for a text. NotFound: a conversation, and there is no template.
  absl::StatusOr<Supervised> Supervise(const RowContent& row) const;
  absl::StatusOr<Supervised> SuperviseChat(const Chat& chat) const;

  // With the system prompt of the options in front, where there is one and the conversation has none of its own.
  std::vector<Message> WithSystemPrompt(std::span<const Message> messages) const;

  // Null when there is none.
  const ChatTemplate* chat_template() const { return template_.ok() ? &*template_ : nullptr; }
  const SpecialTokens& special_tokens() const { return special_tokens_; }
  const text::Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  absl::StatusOr<Supervised> SuperviseCompletion(const Completion& row) const;
  absl::StatusOr<Supervised> SuperviseText(const PlainText& row) const;
  // Number of tokens that the prompt, made ready for an answer, has in common with `whole`.
  absl::StatusOr<std::size_t> PromptTokens(std::span<const Message> prompt,
                                           const std::vector<text::TokenSpan>& whole) const;
  absl::StatusOr<std::string> WithEos(std::string text) const;
  std::vector<text::TokenSpan> EncodeText(const std::string& text) const;

  absl::StatusOr<ChatTemplate> template_;
  SpecialTokens special_tokens_;
  text::Tokenizer tokenizer_;
  SupervisionOptions options_;
  std::optional<TurnFinder> finder_;  // for templates without generation blocks
};

}  // namespace lorasweep::chat
