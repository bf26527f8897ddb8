#include "trainer_core/text/added_tokens.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/unicode.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

// Begin of the last character of a text that is not empty.
std::size_t LastCharacter(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool EndsWithWord(std::string_view text) {
  if (text.empty()) return false;
  std::size_t at = LastCharacter(text);
  return IsWord(NextCodePoint(text, at));
}

bool StartsWithWord(std::string_view text) {
  std::size_t at = 0;
  return !text.empty() && IsWord(NextCodePoint(text, at));
}

// Where the white space at the end of a text begins.
std::size_t SpaceAtEnd(std::string_view text) {
  while (!text.empty()) {
    const std::size_t last = LastCharacter(text);
    std::size_t at = last;
    if (!IsWhitespace(NextCodePoint(text, at))) break;
    text = text.substr(0, last);
  }
  return text.size();
}

// Length of the white space at the start of a text.
std::size_t SpaceAtStart(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t next = at;
    if (!IsWhitespace(NextCodePoint(text, next))) break;
    at = next;
  }
  return at;
}

absl::StatusOr<AddedToken> MakeAddedToken(const Json& json, const std::string& where) {
  AddedToken token;
  absl::StatusOr<std::int64_t> id =
      IntField(json, "id", std::nullopt, 0, std::numeric_limits<std::int32_t>::max() - 1, where);
  if (!id.ok()) return id.status();
  token.id = static_cast<std::int32_t>(*id);
  absl::StatusOr<std::string> content = StringField(json, "content", std::nullopt, where);
  if (!content.ok()) return content.status();
  token.content = *std::move(content);
  for (const auto& [key, field] : {std::pair{"single_word", &token.single_word}, std::pair{"lstrip", &token.lstrip},
                                   std::pair{"rstrip", &token.rstrip}, std::pair{"normalized", &token.normalized},
                                   std::pair{"special", &token.special}}) {
    absl::StatusOr<bool> value = BoolField(json, key, std::nullopt, where);
    if (!value.ok()) return value.status();
    *field = *value;
  }
  return token;
}

}  // namespace

absl::StatusOr<std::vector<AddedToken>> MakeAddedTokens(const Json& list, const std::string& where) {
  if (!list.is_array()) return absl::InvalidArgumentError(absl::StrCat(where, ": expected a list"));
  std::vector<AddedToken> tokens;
  for (const Json& item : list) {
    absl::StatusOr<AddedToken> token = MakeAddedToken(item, absl::StrCat(where, "[", tokens.size(), "]"));
    if (!token.ok()) return token.status();
    tokens.push_back(*std::move(token));
  }
  return tokens;
}

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens, const std::vector<std::string>& patterns)
    : tokens_(std::move(tokens)), trie_(1), roots_(256, -1) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    std::int32_t node = 0;
    for (const char c : patterns[i]) {
      const auto byte = static_cast<std::uint8_t>(c);
      std::int32_t next = Child(node, byte);
      if (next < 0) {
        next = static_cast<std::int32_t>(trie_.size());
        trie_[static_cast<std::size_t>(node)].children.emplace_back(byte, next);
        trie_.emplace_back();
        if (node == 0) roots_[byte] = next;
      }
      node = next;
    }
    std::int32_t& token = trie_[static_cast<std::size_t>(node)].token;
    if (node != 0 && token < 0) token = static_cast<std::int32_t>(i);
  }
}

std::int32_t AddedTokenFinder::Child(std::int32_t node, std::uint8_t byte) const {
  if (node == 0) return roots_[byte];
  for (const auto& [label, child] : trie_[static_cast<std::size_t>(node)].children) {
    if (label == byte) return child;
  }
  return -1;
}

std::int32_t AddedTokenFinder::Match(std::string_view text, std::size_t at, std::size_t& end) const {
  std::int32_t found = -1;
  std::int32_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    node = Child(node, static_cast<std::uint8_t>(text[i]));
    if (node < 0) break;
    if (const std::int32_t token = trie_[static_cast<std::size_t>(node)].token; token >= 0) {
      found = token;
      end = i + 1;
    }
  }
  return found;
}

std::vector<AddedTokenPart> AddedTokenFinder::Split(std::string_view text) const {
  std::vector<AddedTokenPart> parts;
  std::size_t done = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    const std::int32_t index = Match(text, at, end);
    if (index < 0) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    at = end;
    const AddedToken& token = tokens_[static_cast<std::size_t>(index)];
    if (token.single_word && (EndsWithWord(text.substr(0, begin)) || StartsWithWord(text.substr(end)))) continue;
    if (token.lstrip) begin = std::max(SpaceAtEnd(text.substr(0, begin)), done);
    if (token.rstrip) end += SpaceAtStart(text.substr(end));
    if (done < begin) parts.push_back({{done, begin}, -1});
    // The token before may have stripped white space that this one consists of.
    end = std::max(begin, end);
    parts.push_back({{begin, end}, token.id});
    done = std::max(done, end);
  }
  if (done < text.size()) parts.push_back({{done, text.size()}, -1});
  return parts;
}

}  // namespace lorasweep::text
