#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lorasweep::text {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// What stands at one place of a text that may not be UTF-8.
struct Utf8Step {
  std::size_t length = 0;  // bytes of the character; or of the longest start of one, at least 1, when it is broken
  bool valid = false;
};

// Requires at < text.size(). A broken place is as long as Unicode's "maximal subpart" (section 3.9, D93b): replacing
// each by one U+FFFD gives what Python's bytes.decode("utf-8", "replace") gives.
Utf8Step StepUtf8(std::string_view text, std::size_t at);

bool IsUtf8(std::string_view text);
std::string ReplaceBrokenUtf8(std::string_view text);

// The code point at text[at]; `at` moves behind it. Requires valid UTF-8 and at < text.size().
char32_t NextCodePoint(std::string_view text, std::size_t& at);
void AppendUtf8(char32_t code_point, std::string& out);

}  // namespace lorasweep::text
