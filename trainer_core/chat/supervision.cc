#include "trainer_core/chat/supervision.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::chat {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool Overlaps(const text::TokenSpan& token, const ByteSpan& span) {
  return token.begin < span.end && token.end > span.begin;
}

}  // namespace

Supervisor::Supervisor(ChatTemplate chat_template, text::Tokenizer tokenizer, std::set<std::int32_t> added_tokens,
                       LossOn loss_on)
    : template_(std::move(chat_template)),
      tokenizer_(std::move(tokenizer)),
      added_tokens_(std::move(added_tokens)),
      loss_on_(loss_on),
      shape_(ProbeShape(template_)) {
  if (const auto eos = template_.special_tokens().find("eos_token"); eos != template_.special_tokens().end()) {
    if (const auto id = tokenizer_.TokenId(eos->second)) added_tokens_.insert(*id);
  }
}

bool Supervisor::EndsTurns(std::int32_t id) const {
  return added_tokens_.contains(id) || tokenizer_.IsSpecial(id);
}

std::vector<Supervisor::Content> Supervisor::Contents(const Rendered& rendered,
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
std::vector<Supervisor::Content> Supervisor::SearchContents(const Rendered& rendered,
                                                            std::span<const Message> messages) const {
  std::vector<Content> contents;
  const std::string_view text = rendered.text;
  std::size_t cursor = 0;
  auto followed = rendered.assistant.begin();
  for (const Message& message : messages) {
    const std::string_view content = Trimmed(message.content);
    if (content.empty()) continue;
    if (message.role == "assistant" && followed != rendered.assistant.end()) {
      const std::string_view known = Trimmed(text.substr(followed->begin, followed->end - followed->begin));
      if (message.content.find(known) != std::string::npos) {
        contents.push_back({.place = *followed, .message = &message});
        cursor = (followed++)->end;
        continue;
      }
    }
    std::size_t from = cursor;
    if (message.role == "assistant" && shape_.header_bytes > 0) {
      const std::size_t header = text.find(std::string_view(shape_.prompt).substr(0, shape_.header_bytes), cursor);
      if (header == std::string_view::npos) continue;
      from = header + shape_.header_bytes;
    }
    const std::size_t at = text.find(content, from);
    if (at == std::string_view::npos) continue;
    cursor = at + content.size();
    if (message.role == "assistant") contents.push_back({.place = {at, cursor}, .message = &message});
  }
  return contents;
}

std::vector<Supervisor::Turn> Supervisor::Turns(const std::string& text, const std::vector<Content>& contents) const {
  std::vector<Turn> turns;
  const Message* previous = nullptr;
  std::size_t previous_end = 0;
  for (const auto& [place, message] : contents) {
    const std::string_view gap = std::string_view(text).substr(previous_end, place.begin - previous_end);
    if (!turns.empty() && message != nullptr && message == previous) {
      turns.back().learned.end = place.end;  // one answer in pieces: reasoning and the rest, say
    } else {
      if (!turns.empty()) turns.back().next_begin = place.begin;
      const auto header = shape_.HeaderEnd(gap);
      turns.push_back({.learned = {header ? previous_end + *header : place.begin, place.end}});
    }
    turns.back().next_begin = text.size();
    previous = message;
    previous_end = place.end;
  }
  return turns;
}

std::size_t Supervisor::TurnEnd(const std::string& text, const Turn& turn,
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

absl::StatusOr<Supervised> Supervisor::Supervise(std::span<const Message> messages) const {
  auto rendered = template_.Render(messages);
  if (!rendered.ok()) return rendered.status();
  const std::vector<text::TokenSpan> tokens = tokenizer_.EncodeWithOffsets(rendered->text);

  std::vector<ByteSpan> targets;
  if (loss_on_ == LossOn::kAll) {
    targets = {{0, rendered->text.size()}};
  } else if (template_.has_generation_blocks()) {
    targets = rendered->generation;
  } else {
    for (const Turn& turn : Turns(rendered->text, Contents(*rendered, messages))) {
      targets.push_back({turn.learned.begin, TurnEnd(rendered->text, turn, tokens)});
    }
  }

  Supervised result;
  result.sequence.ids.reserve(tokens.size());
  result.sequence.learned.assign(tokens.size(), 0);
  auto target = targets.begin();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    result.sequence.ids.push_back(tokens[i].id);
    while (target != targets.end() && target->end <= tokens[i].begin) ++target;
    if (i == 0 || target == targets.end() || !Overlaps(tokens[i], *target)) continue;
    result.sequence.learned[i] = 1;
    if (!result.learned.empty() && result.sequence.learned[i - 1] != 0) {
      result.learned.back().end = std::max(result.learned.back().end, tokens[i].end);
    } else {
      result.learned.push_back({tokens[i].begin, tokens[i].end});
    }
  }
  result.text = std::move(rendered->text);
  return result;
}

absl::StatusOr<std::set<std::int32_t>> ReadAddedTokens(const std::filesystem::path& tokenizer_json) {
  using Json = nlohmann::json;
  std::ifstream stream(tokenizer_json, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat(tokenizer_json.string(), ": no such file"));
  std::set<std::int32_t> ids;
  try {
    // The vocabulary and merges are most of the file and of no interest here.
    const Json json = Json::parse(stream, [](int depth, Json::parse_event_t event, Json& parsed) {
      return !(event == Json::parse_event_t::key && depth == 1 && parsed == "model");
    });
    if (json.is_object() && json.contains("added_tokens")) {
      for (const Json& token : json["added_tokens"]) ids.insert(token.at("id").get<std::int32_t>());
    }
  } catch (const Json::exception& exception) {
    return absl::InvalidArgumentError(
        absl::StrCat(tokenizer_json.string(), ": added_tokens: ", text::JsonCause(exception)));
  }
  return ids;
}

absl::StatusOr<Supervisor> Supervisor::Load(const std::filesystem::path& model_folder, LossOn loss_on) {
  auto chat_template = ChatTemplate::Load(model_folder);
  if (!chat_template.ok()) return chat_template.status();
  auto tokenizer = text::Tokenizer::Load(model_folder / "tokenizer.json");
  if (!tokenizer.ok()) return tokenizer.status();
  auto added_tokens = ReadAddedTokens(model_folder / "tokenizer.json");
  if (!added_tokens.ok()) return added_tokens.status();
  return Supervisor(*std::move(chat_template), *std::move(tokenizer), *std::move(added_tokens), loss_on);
}

}  // namespace lorasweep::chat
