#include "search/value.h"

#include <charconv>
#include <cmath>

namespace lorasweep::search {
namespace {

std::string NumberText(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  const double size = std::abs(number);
  const auto format =
      size == 0 || (size >= 1e-4 && size < 1e16) ? std::chars_format::fixed : std::chars_format::scientific;
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), number, format).ptr;
  std::string text(buffer, end);
  // Without a point or an exponent it would read back as an integer.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

// Would the bare text be taken for something else than this string?
bool NeedsQuotes(const std::string& text) {
  if (text.empty() || text == "true" || text == "false" || text.front() == '"') return true;
  double ignored;
  const char* begin = text.data() + (text.front() == '+' ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(begin, end, ignored);
  return rest == end && error != std::errc::invalid_argument;
}

std::string StringText(const std::string& text) {
  if (!NeedsQuotes(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

std::string ToString(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) return NumberText(*number);
  return StringText(std::get<std::string>(value));
}

std::string ToString(const Params& params) {
  std::string text;
  for (const auto& [name, value] : params) {
    if (!text.empty()) text += ' ';
    text += name + "=" + ToString(value);
  }
  return text;
}

bool AsNumber(const Value& value, double* number) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    *number = static_cast<double>(*integer);
    return true;
  }
  if (const auto* real = std::get_if<double>(&value)) {
    *number = *real;
    return true;
  }
  return false;
}

}  // namespace lorasweep::search
