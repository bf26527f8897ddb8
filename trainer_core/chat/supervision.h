#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/chat/chat_template.h"
#include "trainer_core/chat/conversation.h"
#include "trainer_core/chat/turn_shape.h"
#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::chat {

enum class LossOn { kAssistant, kAll };

// A conversation as the model sees it, and what of it the model is to learn.
struct Supervised {
  std::string text;
  text::Sequence sequence;
  std::vector<ByteSpan> learned;  // the text of the learned tokens, neighbours joined
};

// Turns conversations into token sequences with a mask of the learned tokens.
//
//   auto supervisor = Supervisor::Load("SmolLM2-135M-Instruct", LossOn::kAssistant);
//   auto row = supervisor->Supervise(conversation.messages);
//
// The ids are those of the whole rendered text encoded at once without added special tokens, so a BOS is there once if
// the template writes it and never twice. kAll learns every token but the first. kAssistant learns each assistant turn:
// what the model has to write after the generation prompt, through the end-of-turn token behind it, also when that is
// the padding token. Nothing depends on knowing the template:
//   - {% generation %} blocks decide where the template has them, token by token as transformers maps them;
//   - else the content is followed through the template's filters; the turn's header is found by what the generation
//     prompt adds; the end is the last special or added token of what closes every answer, else the first one behind
//     the content.
// Immutable; may be used from any thread.
class Supervisor {
 public:
  // Reads the template and tokenizer.json of a model's folder.
  static absl::StatusOr<Supervisor> Load(const std::filesystem::path& model_folder, LossOn loss_on);
  // `added_tokens`: ids that the tokenizer matches in the raw text, special or not.
  Supervisor(ChatTemplate chat_template, text::Tokenizer tokenizer, std::set<std::int32_t> added_tokens,
             LossOn loss_on);

  // InvalidArgument: the template refuses the conversation, with its own words.
  absl::StatusOr<Supervised> Supervise(std::span<const Message> messages) const;

  const ChatTemplate& chat_template() const { return template_; }
  const text::Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  // A content's place and the assistant message that it is from.
  struct Content {
    ByteSpan place;
    const Message* message = nullptr;  // null when that could not be told
  };
  struct Turn {
    ByteSpan learned;            // from the end of the header to the end of the content
    std::size_t next_begin = 0;  // where the next turn's content begins, or the text's end
  };

  std::vector<Content> Contents(const Rendered& rendered, std::span<const Message> messages) const;
  std::vector<Content> SearchContents(const Rendered& rendered, std::span<const Message> messages) const;
  std::vector<Turn> Turns(const std::string& text, const std::vector<Content>& contents) const;
  std::size_t TurnEnd(const std::string& text, const Turn& turn, const std::vector<text::TokenSpan>& tokens) const;
  bool EndsTurns(std::int32_t id) const;

  ChatTemplate template_;
  text::Tokenizer tokenizer_;
  std::set<std::int32_t> added_tokens_;
  LossOn loss_on_;
  TurnShape shape_;
};

// Ids of tokenizer.json's added_tokens. InvalidArgument when the file is not as it should be.
absl::StatusOr<std::set<std::int32_t>> ReadAddedTokens(const std::filesystem::path& tokenizer_json);

}  // namespace lorasweep::chat
