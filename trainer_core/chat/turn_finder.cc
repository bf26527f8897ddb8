#include "trainer_core/chat/turn_finder.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace lorasweep::chat {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace

TurnFinder::TurnFinder(const ChatTemplate& chat_template, text::Tokenizer tokenizer)
    : tokenizer_(std::move(tokenizer)), shape_(ProbeShape(chat_template)) {
  const auto eos = chat_template.special_tokens().find("eos_token");
  if (eos != chat_template.special_tokens().end()) eos_ = tokenizer_.TokenId(eos->second);
}

bool TurnFinder::EndsTurns(std::int32_t id) const {
  return id == eos_ || tokenizer_.IsAdded(id);
}

std::vector<TurnFinder::Content> TurnFinder::Contents(const Rendered& rendered,
                                                      std::span<const Message> messages) const {
  const auto answers = std::count_if(messages.begin(), messages.end(), [](const Message& message) {
    return message.role == "assistant" && !Trimmed(message.content).empty();
  });
  if (static_cast<std::ptrdiff_t>(rendered.assistant.size()) < answers) return SearchContents(rendered, messages);

  std::vector<Content> contents;
  std::size_t index = 0;   // of the message that the last content was from
  std::size_t behind = 0;  // of that content in it
  for (const ByteSpan& place : rendered.assistant) {
    const std::string_view known =
        Trimmed(std::string_view(rendered.text).substr(place.begin, place.end - place.begin));
    contents.push_back({.place = place});
    for (std::size_t i = index; i < messages.size(); ++i) {
      if (messages[i].role != "assistant") continue;
      const std::size_t at = messages[i].content.find(known, i == index ? behind : 0);
      if (at == std::string::npos) continue;
      contents.back().message = &messages[i];
      index = i;
      behind = at + known.size();
      break;
    }
  }
  return contents;
}

// For templates with filters that lose track of contents: looks for them behind the text of what came before.
std::vector<TurnFinder::Content> TurnFinder::SearchContents(const Rendered& rendered,
                                                            std::span<const Message> messages) const {
  std::vector<Content> contents;
  const std::string_view text = rendered.text;
  std::size_t cursor = 0;
  auto followed = rendered.assistant.begin();
  for (const Message& message : messages) {
    const std::string_view content = Trimmed(message.content);
    if (content.empty()) continue;
    std::size_t from = cursor;
    bool may_be_there = true;
    if (message.role == "assistant" && shape_.header_bytes > 0) {
      const std::size_t header = text.find(std::string_view(shape_.prompt).substr(0, shape_.header_bytes), cursor);
      may_be_there = header != std::string_view::npos;
      if (may_be_there) from = header + shape_.header_bytes;
    }
    const std::size_t at = may_be_there ? text.find(content, from) : std::string_view::npos;
    if (message.role == "assistant" && followed != rendered.assistant.end()) {
      const std::string_view known = Trimmed(text.substr(followed->begin, followed->end - followed->begin));
      // What was followed may be a later answer with the same words.
      const bool is_earlier = at != std::string_view::npos && at + content.size() <= followed->begin;
      if (!is_earlier && message.content.find(known) != std::string::npos) {
        contents.push_back({.place = *followed, .message = &message});
        cursor = (followed++)->end;
        continue;
      }
    }
    if (at == std::string_view::npos) continue;
    cursor = at + content.size();
    if (message.role == "assistant") contents.push_back({.place = {at, cursor}, .message = &message});
  }
  return contents;
}

std::vector<TurnFinder::Turn> TurnFinder::Turns(const std::string& text, const std::vector<Content>& contents) const {
  std::vector<Turn> turns;
  const Message* previous = nullptr;
  std::size_t previous_end = 0;
  for (const auto& [place, message] : contents) {
    if (!turns.empty() && message != nullptr && message == previous) {
      turns.back().learned.end = place.end;  // one answer in pieces: reasoning and the rest, say
    } else {
      if (!turns.empty()) turns.back().next_begin = place.begin;
      const auto header = shape_.HeaderEnd(std::string_view(text).substr(previous_end), place.begin - previous_end);
      turns.push_back({.learned = {header ? std::min(previous_end + *header, place.end) : place.begin, place.end}});
    }
    turns.back().next_begin = text.size();
    previous = message;
    previous_end = place.end;
  }
  return turns;
}

std::size_t TurnFinder::TurnEnd(const std::string& text, const Turn& turn,
                                const std::vector<text::TokenSpan>& tokens) const {
  const std::size_t content_end = turn.learned.end;
  const std::size_t closed =
      content_end +
      CommonPrefix(std::string_view(text).substr(content_end, turn.next_begin - content_end), shape_.closing);
  std::size_t end = content_end;
  auto token = std::lower_bound(tokens.begin(), tokens.end(), content_end,
                                [](const text::TokenSpan& a, std::size_t offset) { return a.begin < offset; });
  for (; token != tokens.end() && token->begin < turn.next_begin; ++token) {
    if (end > content_end && token->end > closed) break;
    if (EndsTurns(token->id)) end = token->end;
  }
  return end;
}

std::vector<ByteSpan> TurnFinder::Find(const Rendered& rendered, std::span<const Message> messages,
                                       const std::vector<text::TokenSpan>& tokens) const {
  std::vector<ByteSpan> found;
  for (const Turn& turn : Turns(rendered.text, Contents(rendered, messages))) {
    found.push_back({turn.learned.begin, TurnEnd(rendered.text, turn, tokens)});
  }
  return found;
}

}  // namespace lorasweep::chat
