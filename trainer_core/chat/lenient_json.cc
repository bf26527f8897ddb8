#include "trainer_core/chat/lenient_json.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::chat {
namespace {

using Json = nlohmann::json;

int HexValue(std::string_view digits) {
  int value = 0;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// The value of the \uXXXX escape at text[at], or -1.
int UnicodeEscape(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  return HexValue(text.substr(at + 2, 4));
}

// Escapes of lone surrogates, which Python writes and reads but UTF-8 cannot hold, become U+FFFD.
std::string ReplaceLoneSurrogates(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    const int value = UnicodeEscape(text, i);
    if (value < 0xD800 || value > 0xDFFF) {  // any other escape is two characters or more: never split "\\\\"
      out += text.substr(i, 2);
      i += 2;
      continue;
    }
    const int next = UnicodeEscape(text, i + 6);
    if (value < 0xDC00 && next >= 0xDC00 && next <= 0xDFFF) {
      out += text.substr(i, 12);
      i += 12;
    } else {
      out += "\\ufffd";
      i += 6;
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<Json> ParseLenientJson(std::string_view text) {
  try {
    return Json::parse(ReplaceLoneSurrogates(text::ReplaceBrokenUtf8(text)));
  } catch (const Json::exception& exception) {
    return absl::InvalidArgumentError(absl::StrCat("not JSON: ", text::JsonCause(exception)));
  }
}

}  // namespace lorasweep::chat
