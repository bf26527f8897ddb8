#include "trainer_core/chat/turn_shape.h"

#include <algorithm>
#include <vector>

namespace lorasweep::chat {
namespace {

const std::vector<Message>& Probe() {
  static const std::vector<Message> probe = {{"user", "First question?"},
                                             {"assistant", "First answer."},
                                             {"user", "Second question?"},
                                             {"assistant", "Second answer."}};
  return probe;
}

// The text before an answer that a generation prompt could stand for, and the text after it.
struct Surroundings {
  std::string_view before;
  std::string_view after;
};

// Around the answer messages[index] of `whole`. Before: from the end of what the messages up to it render to.
std::optional<Surroundings> Around(std::string_view whole, std::size_t index, std::string_view earlier) {
  const std::string& answer = Probe()[index].content;
  const std::size_t at = whole.find(answer);
  if (at == std::string_view::npos) return std::nullopt;
  const std::size_t same = CommonPrefix(whole, earlier);
  if (same > at) return std::nullopt;
  return Surroundings{whole.substr(same, at - same), whole.substr(at + answer.size())};
}

}  // namespace

std::size_t CommonPrefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

std::optional<std::size_t> TurnShape::HeaderEnd(std::string_view text, std::size_t gap) const {
  if (header_bytes == 0 || gap == 0) return std::nullopt;
  std::size_t at = text.rfind(prompt, gap - 1);
  if (at != std::string_view::npos) return at + prompt.size();
  at = text.rfind(std::string_view(prompt).substr(0, header_bytes), gap - 1);
  if (at == std::string_view::npos) return std::nullopt;
  return at + CommonPrefix(text.substr(at, std::max(gap - at, header_bytes)), prompt);
}

TurnShape ProbeShape(const ChatTemplate& chat_template) {
  TurnShape shape;
  const std::span<const Message> probe = Probe();
  const auto question = chat_template.Render(probe.first(1));
  const auto prompted = chat_template.Render(probe.first(1), {.add_generation_prompt = true});
  const auto second_question = chat_template.Render(probe.first(3));
  const auto whole = chat_template.Render(probe);
  if (question.ok() && prompted.ok()) {
    shape.prompt = prompted->text.substr(CommonPrefix(prompted->text, question->text));
  }
  // Unless rendering tells more, half of the prompt has to be there.
  shape.header_bytes = (shape.prompt.size() + 1) / 2;
  if (!question.ok() || !second_question.ok() || !whole.ok()) return shape;
  const auto first = Around(whole->text, 1, question->text);
  const auto second = Around(whole->text, 3, second_question->text);
  if (!first || !second) return shape;
  const std::size_t known =
      std::min(CommonPrefix(first->before, shape.prompt), CommonPrefix(second->before, shape.prompt));
  if (known > 0) shape.header_bytes = known;
  shape.closing = first->after.substr(0, CommonPrefix(first->after, second->after));
  return shape;
}

}  // namespace lorasweep::chat
