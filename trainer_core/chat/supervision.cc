#include "trainer_core/chat/supervision.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace lorasweep::chat {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::size_t CommonPrefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

// Where in `gap` a turn's header ends: behind the last place that looks like the generation prompt. Some templates let
// the prompt end with more than a header ("<think>\n"), so its first half is enough to know it.
std::optional<std::size_t> HeaderEnd(std::string_view gap, std::string_view prompt) {
  if (prompt.empty()) return std::nullopt;
  const std::size_t known = std::max((prompt.size() + 1) / 2, std::min<std::size_t>(prompt.size(), 12));
  std::size_t at = gap.rfind(prompt);
  if (at == std::string_view::npos) at = gap.rfind(prompt.substr(0, known));
  if (at == std::string_view::npos) return std::nullopt;
  return at + CommonPrefix(gap.substr(at), prompt);
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
      loss_on_(loss_on) {
  if (const auto eos = template_.special_tokens().find("eos_token"); eos != template_.special_tokens().end()) {
    if (const auto id = tokenizer_.TokenId(eos->second)) added_tokens_.insert(*id);
  }
  // A template that refuses these has no generation prompt or closing that we could know; its turns are then found by
  // their contents and special tokens alone.
  const std::vector<Message> question = {{"user", "ping"}};
  const std::vector<Message> answered = {{"user", "ping"}, {"assistant", "pong"}};
  const auto bare = template_.Render(question);
  const auto prompted = template_.Render(question, {.add_generation_prompt = true});
  if (bare.ok() && prompted.ok()) {
    generation_prompt_ = prompted->text.substr(CommonPrefix(prompted->text, bare->text));
  }
  if (const auto whole = template_.Render(answered); whole.ok()) {
    const std::size_t at = whole->text.rfind("pong");
    if (at != std::string::npos) closing_ = whole->text.substr(at + 4);
  }
}

bool Supervisor::EndsTurns(std::int32_t id) const {
  return added_tokens_.contains(id) || tokenizer_.IsSpecial(id);
}

std::vector<ByteSpan> Supervisor::Contents(const Rendered& rendered, std::span<const Message> messages) const {
  const auto answers = std::count_if(messages.begin(), messages.end(), [](const Message& message) {
    return message.role == "assistant" && !Trimmed(message.content).empty();
  });
  if (static_cast<std::ptrdiff_t>(rendered.assistant.size()) >= answers) return rendered.assistant;

  // A filter lost track of some: look for those contents behind the text of what came before them.
  std::vector<ByteSpan> contents;
  const std::string_view text = rendered.text;
  std::size_t cursor = 0;
  auto followed = rendered.assistant.begin();
  for (const Message& message : messages) {
    const std::string_view content = Trimmed(message.content);
    if (content.empty()) continue;
    if (message.role == "assistant" && followed != rendered.assistant.end()) {
      const std::string_view known = Trimmed(text.substr(followed->begin, followed->end - followed->begin));
      if (message.content.find(known) != std::string::npos) {
        contents.push_back(*followed);
        cursor = (followed++)->end;
        continue;
      }
    }
    std::size_t from = cursor;
    if (message.role == "assistant" && !generation_prompt_.empty()) {
      const std::size_t header = text.find(generation_prompt_, cursor);
      if (header == std::string_view::npos) continue;
      from = header + generation_prompt_.size();
    }
    const std::size_t at = text.find(content, from);
    if (at == std::string_view::npos) continue;
    cursor = at + content.size();
    if (message.role == "assistant") contents.push_back({at, cursor});
  }
  return contents;
}

std::vector<Supervisor::Turn> Supervisor::Turns(const std::string& text, const std::vector<ByteSpan>& contents) const {
  std::vector<Turn> turns;
  std::size_t previous_end = 0;
  for (const ByteSpan& content : contents) {
    const std::string_view gap = std::string_view(text).substr(previous_end, content.begin - previous_end);
    const auto header = HeaderEnd(gap, generation_prompt_);
    if (!header && !generation_prompt_.empty() && !turns.empty()) {
      turns.back().learned.end = content.end;  // the same turn in pieces: reasoning and answer, say
    } else {
      if (!turns.empty()) turns.back().next_begin = content.begin;
      turns.push_back({.learned = {header ? previous_end + *header : content.begin, content.end}, .next_begin = 0});
    }
    turns.back().next_begin = text.size();
    previous_end = content.end;
  }
  return turns;
}

std::size_t Supervisor::TurnEnd(const std::string& text, const Turn& turn,
                                const std::vector<text::TokenSpan>& tokens) const {
  const std::size_t content_end = turn.learned.end;
  auto token = std::lower_bound(tokens.begin(), tokens.end(), content_end,
                                [](const text::TokenSpan& a, std::size_t offset) { return a.begin < offset; });
  while (token != tokens.end() && token->begin < turn.next_begin && !EndsTurns(token->id)) ++token;
  if (token == tokens.end() || token->begin >= turn.next_begin) return content_end;
  std::size_t end = token->end;
  const std::size_t closed = content_end + CommonPrefix(std::string_view(text).substr(content_end), closing_);
  for (++token; token != tokens.end() && token->begin == end && token->end <= closed && EndsTurns(token->id); ++token) {
    end = token->end;
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
    return absl::InvalidArgumentError(absl::StrCat(tokenizer_json.string(), ": added_tokens: ", exception.what()));
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
