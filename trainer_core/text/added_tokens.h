#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "trainer_core/text/aligned_text.h"

namespace lorasweep::text {

struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool single_word = false;  // only where no word character is next to it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and behind it
  bool normalized = false;   // looked for in the normalised text, itself normalised; else in the text as it came
  bool special = false;      // left out when decoding on request
};

// From the "added_tokens" of a tokenizer.json.
absl::StatusOr<std::vector<AddedToken>> MakeAddedTokens(const nlohmann::json& list, const std::string& where);

// A part of a text: an added token, or text between such.
struct AddedTokenPart {
  Span span;
  std::int32_t id = -1;  // -1: no added token
};

// Finds tokens in a text: the leftmost, of several at one place the longest. Immutable.
class AddedTokenFinder {
 public:
  // `patterns[i]` is what tokens[i] looks like in the texts. Of equal patterns the first counts; empty ones never
  // match.
  AddedTokenFinder(std::vector<AddedToken> tokens, const std::vector<std::string>& patterns);

  // The whole text in parts, in order. White space between two tokens that both strip it may be in both.
  std::vector<AddedTokenPart> Split(std::string_view text) const;

 private:
  struct Node {
    std::int32_t token = -1;  // index of the token whose pattern ends here
    std::vector<std::pair<std::uint8_t, std::int32_t>> children;
  };
  std::int32_t Child(std::int32_t node, std::uint8_t byte) const;
  // The longest pattern that begins at `at`; its token's index, or -1, and its end.
  std::int32_t Match(std::string_view text, std::size_t at, std::size_t& end) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> trie_;
  std::vector<std::int32_t> roots_;  // child of the root for each first byte, -1: none
};

}  // namespace lorasweep::text
