// TypedValue of cli/sweep_file_yaml.h.
#include <algorithm>
#include <array>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "cli/sweep_file_yaml.h"

namespace lorasweep::cli {
namespace {

// word, Word or WORD.
bool IsWord(const std::string& text, const std::string& word) {
  std::string capital = word;
  capital[0] = absl::ascii_toupper(capital[0]);
  return text == word || text == capital || text == absl::AsciiStrToUpper(word);
}

bool IsAnyWord(const std::string& text, const std::array<const char*, 3>& words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return IsWord(text, word); });
}

std::size_t SkipDigits(const std::string& text, std::size_t at) {
  while (at < text.size() && absl::ascii_isdigit(text[at])) ++at;
  return at;
}

// [-+]digits[.digits][e[-+]digits], or .digits; *whole: there is neither point nor exponent.
bool IsDecimal(const std::string& text, bool* whole) {
  const std::size_t begin = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  std::size_t at = SkipDigits(text, begin);
  std::size_t digits = at - begin;
  *whole = at == text.size();
  if (at < text.size() && text[at] == '.') {
    const std::size_t end = SkipDigits(text, at + 1);
    digits += end - at - 1;
    at = end;
  }
  if (digits == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    std::size_t exponent = at + 1;
    if (exponent < text.size() && (text[exponent] == '-' || text[exponent] == '+')) ++exponent;
    at = SkipDigits(text, exponent);
    if (at == exponent) return false;
  }
  return at == text.size();
}

}  // namespace

search::Value TypedValue(const YamlNode& scalar) {
  const std::string& text = scalar.text;
  if (scalar.quoted || text.empty()) return text;
  if (IsAnyWord(text, {"true", "yes", "on"})) return true;
  if (IsAnyWord(text, {"false", "no", "off"})) return false;

  bool whole = false;
  if (IsDecimal(text, &whole)) {
    std::int64_t integer = 0;
    if (whole && absl::SimpleAtoi(text, &integer)) return integer;
    double number = 0;
    if (absl::SimpleAtod(text, &number)) return number;
  }
  const std::string unsigned_text = text[0] == '-' || text[0] == '+' ? text.substr(1) : text;
  if (unsigned_text == ".inf" || unsigned_text == ".Inf" || unsigned_text == ".INF") {
    const double infinity = std::numeric_limits<double>::infinity();
    return text[0] == '-' ? -infinity : infinity;
  }
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return std::numeric_limits<double>::quiet_NaN();
  return text;
}

}  // namespace lorasweep::cli
