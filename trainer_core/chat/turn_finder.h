#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer_core/chat/chat_template.h"
#include "trainer_core/chat/turn_shape.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::chat {

// Finds what the model has to write in a rendered conversation where the template does not say it by {% generation %}
// blocks. Nothing depends on knowing the template: a content is followed through the template's filters; its header is
// found by what the generation prompt adds; the end is the last special or added token of what closes every answer,
// else the first one behind the content. What lies behind that token (ChatML's line end) is not the turn's.
// Immutable; may be used from any thread.
class TurnFinder {
 public:
  TurnFinder(const ChatTemplate& chat_template, text::Tokenizer tokenizer);

  // For each answer the bytes from the end of its header to the end of what ends it. `tokens` are those of
  // rendered.text.
  std::vector<ByteSpan> Find(const Rendered& rendered, std::span<const Message> messages,
                             const std::vector<text::TokenSpan>& tokens) const;

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

  text::Tokenizer tokenizer_;
  TurnShape shape_;
  std::optional<std::int32_t> eos_;
};

}  // namespace lorasweep::chat
