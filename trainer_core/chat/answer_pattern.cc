#include "trainer_core/chat/answer_pattern.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::chat {
namespace {

// A number as people write it: a sign, a currency, thousands, decimals, a fraction.
constexpr char kNumber[] = "([-+]?[$€£]?[0-9]+(?:,[0-9]{3})*(?:\\.[0-9]+)?(?:/[0-9]+)?|[-+]?\\.[0-9]+)";

bool IsLetter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Where N stands as a word; npos when it does not, or more than once.
std::size_t PlaceOfNumber(const std::string& text) {
  std::size_t place = std::string::npos;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != 'N' || (i > 0 && IsLetter(text[i - 1])) || (i + 1 < text.size() && IsLetter(text[i + 1]))) continue;
    if (place != std::string::npos) return std::string::npos;
    place = i;
  }
  return place;
}

// What matches the text as it stands, but for its spaces.
std::string Quoted(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (c == ' ') {
      if (!quoted.ends_with("\\s*")) quoted += "\\s*";
    } else if (IsLetter(c) || static_cast<unsigned char>(c) >= 0x80) {
      quoted += c;
    } else {
      quoted.append("\\").append(1, c);
    }
  }
  return quoted;
}

std::optional<double> Number(std::string text) {
  text = absl::StrReplaceAll(text, {{",", ""}, {"$", ""}, {"€", ""}, {"£", ""}, {"%", ""}});
  const std::size_t slash = text.find('/');
  double value = 0;
  double divisor = 1;
  if (!absl::SimpleAtod(text.substr(0, slash), &value) || !std::isfinite(value)) return std::nullopt;
  if (slash != std::string::npos && (!absl::SimpleAtod(text.substr(slash + 1), &divisor) || divisor == 0)) {
    return std::nullopt;
  }
  return value / divisor;
}

std::string Plain(const std::string& text) {
  std::string plain = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text));
  while (!plain.empty() && (plain.back() == '.' || plain.back() == ' ')) plain.pop_back();
  return plain;
}

}  // namespace

absl::StatusOr<AnswerPattern> AnswerPattern::Parse(const std::string& text) {
  std::string pattern = text;
  if (const std::size_t place = PlaceOfNumber(text);
      place != std::string::npos && text.find('(') == std::string::npos) {
    const std::string_view whole = text;
    // "x = N" does not mean 6x = 12.
    const char* begin = IsLetter(whole.front()) && place > 0 ? "(?<!\\w)" : "";
    pattern = absl::StrCat(begin, Quoted(whole.substr(0, place)), kNumber, Quoted(whole.substr(place + 1)));
  }
  absl::StatusOr<text::Regex> regex = text::Regex::Compile(pattern);
  if (!regex.ok()) return regex.status();
  if (regex->groups() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the pattern '", text, "' does not say which part is the answer: put N where a number stands ",
                     "(\"x = N\"), or the answer into the one group of a regular expression (\"Answer: (.*)\")"));
  }
  return AnswerPattern(*std::move(regex));
}

std::optional<std::string> AnswerPattern::Find(std::string_view text) const {
  const std::string valid = text::ReplaceBrokenUtf8(text);
  text::RegexMatcher matcher(regex_);
  const std::optional<text::Span> found = matcher.FindLastGroup(valid);
  if (!found) return std::nullopt;
  return std::string(absl::StripAsciiWhitespace(valid.substr(found->begin, found->size())));
}

bool SameAnswer(const std::string& a, const std::string& b) {
  const std::string first = Plain(a);
  const std::string second = Plain(b);
  if (first == second) return true;
  const std::optional<double> one = Number(first);
  const std::optional<double> two = Number(second);
  return one && two && std::fabs(*one - *two) <= 1e-9 * std::max(1.0, std::fabs(*one));
}

}  // namespace lorasweep::chat
