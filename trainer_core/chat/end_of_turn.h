#pragma once

#include <cstdint>
#include <optional>

#include "trainer_core/chat/chat_template.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::chat {

// The special token that a template closes an answer with: it ends one, whatever the model's config calls its end.
// Nothing where the template has none, or refuses a question with an answer.
std::optional<std::int32_t> EndOfTurn(const ChatTemplate& chat_template, const text::Tokenizer& tokenizer);

}  // namespace lorasweep::chat
