#include "trainer_core/chat/end_of_turn.h"

#include <string>
#include <vector>

namespace lorasweep::chat {

std::optional<std::int32_t> EndOfTurn(const ChatTemplate& chat_template, const text::Tokenizer& tokenizer) {
  const std::string answer = "lorasweep";
  const std::vector<Message> turns = {{.role = "user", .content = "a"}, {.role = "assistant", .content = answer}};
  const auto rendered = chat_template.Render(turns);
  if (!rendered.ok()) return std::nullopt;
  const std::size_t at = rendered->text.rfind(answer);
  if (at == std::string::npos) return std::nullopt;
  for (const std::int32_t id : tokenizer.Encode(rendered->text.substr(at + answer.size()))) {
    if (tokenizer.IsSpecial(id)) return id;
  }
  return std::nullopt;
}

}  // namespace lorasweep::chat
