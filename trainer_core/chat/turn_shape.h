#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "trainer_core/chat/chat_template.h"

namespace lorasweep::chat {

// What a template puts around answers, found out by rendering conversations whose texts are known.
struct TurnShape {
  // What add_generation_prompt adds: an answer's header, sometimes with more that starts the answer ("<think>\n").
  std::string prompt;
  // So many bytes of the prompt stand before every answer.
  std::size_t header_bytes = 0;
  // What follows every answer, in the middle of a conversation as at its end.
  std::string closing;

  // Where in `text`, which begins with the `gap` bytes between two answers and goes on with the later one, that one's
  // header ends: after as much of the last prompt in the gap as is there, and after all of it, even if the answer
  // itself begins with its end ("<think>\n"). Nothing when there is no header, or the template has none.
  std::optional<std::size_t> HeaderEnd(std::string_view text, std::size_t gap) const;
};

// A template that refuses the conversations that are tried has the empty shape. Pure.
TurnShape ProbeShape(const ChatTemplate& chat_template);

std::size_t CommonPrefix(std::string_view a, std::string_view b);

}  // namespace lorasweep::chat
