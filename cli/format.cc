#include "cli/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "absl/strings/str_cat.h"

namespace lorasweep::cli {
namespace {

std::string Print(const char* pattern, int digits, double value) {
  std::array<char, 400> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), pattern, digits, value);
  return {buffer.data(), static_cast<std::size_t>(std::clamp<int>(length, 0, buffer.size() - 1))};
}

std::string NotFinite(double value) {
  return std::isnan(value) ? "NaN" : value > 0 ? "∞" : "-∞";
}

void DropTrailingZeros(std::string& digits) {
  if (digits.find('.') == std::string::npos) return;
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') digits.pop_back();
}

// "3.10e-04" → "3.1e-4"
std::string Scientific(double value, int significant) {
  const std::string text = Print("%.*e", significant - 1, value);
  const std::size_t e = text.find('e');
  std::string mantissa = text.substr(0, e);
  DropTrailingZeros(mantissa);
  return mantissa + "e" + std::to_string(std::atoi(text.c_str() + e + 1));
}

bool HasError(double standard_error) {
  return std::isfinite(standard_error) && standard_error > 0;
}

}  // namespace

std::string FormatNumber(double value, int significant) {
  if (!std::isfinite(value)) return NotFinite(value);
  if (value == 0) return "0";
  const std::string scientific = Scientific(value, significant);
  const double magnitude = std::fabs(value);
  if (magnitude < 1e-3 || magnitude >= 1e6) return scientific;
  if (magnitude >= 1000) return Print("%.*f", 0, value);
  const int before = static_cast<int>(std::floor(std::log10(magnitude))) + 1;
  std::string fixed = Print("%.*f", std::max(0, significant - before), value);
  DropTrailingZeros(fixed);
  return fixed;
}

std::string ExactNumber(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::general);
  return {buffer.data(), end.ptr};
}

int DecimalsFor(double standard_error) {
  if (!HasError(standard_error)) return 4;
  // Rounded to two digits first: 0.000999 shows as 0.0010, whose first digit is a 1.
  const std::string text = Print("%.*e", 1, standard_error);
  const int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  const int digits = text[0] == '1' ? 1 : 0;
  return std::clamp(digits - exponent, 0, 12);
}

std::string FormatEstimate(double value, double standard_error) {
  if (!std::isfinite(value)) return NotFinite(value);
  if (!HasError(standard_error)) return FormatMetric(value);
  const int decimals = DecimalsFor(standard_error);
  return Print("%.*f", decimals, value) + " ± " + Print("%.*f", decimals, standard_error);
}

std::string FormatDifference(double difference, double standard_error) {
  const std::string text = FormatEstimate(difference, standard_error);
  return difference > 0 ? absl::StrCat("+", text) : text;
}

std::string FormatMetric(double value) {
  if (!std::isfinite(value)) return NotFinite(value);
  const double magnitude = std::fabs(value);
  if (magnitude != 0 && (magnitude < 1e-3 || magnitude >= 1e6)) return Scientific(value, 4);
  return Print("%.*f", magnitude < 10 ? 4 : magnitude < 1000 ? 2 : 1, value);
}

std::string FormatCount(std::int64_t count) {
  const std::string digits = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > first && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string FormatBytes(double bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return Print("%.*f", unit > 0 && bytes < 99.95 ? 1 : 0, bytes) + " " + kUnits[unit];
}

std::string FormatPercent(double share) {
  if (!std::isfinite(share)) return NotFinite(share);
  return Print("%.*f", 0, share * 100) + " %";
}

std::string FormatDuration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds < 59.5) return Print("%.*f", 0, seconds) + " s";
  const double limited = std::min(seconds, 1e12);
  const auto minutes = static_cast<std::int64_t>(std::llround(limited / 60));
  if (minutes < 60) return std::to_string(minutes) + " min";
  const std::int64_t hours = minutes / 60;
  if (hours < 24) return std::to_string(hours) + " h " + std::to_string(minutes % 60) + " min";
  return std::to_string(hours / 24) + " d " + std::to_string(hours % 24) + " h";
}

std::string FormatAge(std::int64_t then, std::int64_t now) {
  if (then == 0) return "";
  if (now - then < 2) return "just now";
  return FormatDuration(static_cast<double>(now - then)) + " ago";
}

std::string FormatValue(const v1::Value& value) {
  return value.kind_case() == v1::Value::kNumber ? FormatNumber(value.number()) : ExactValue(value);
}

std::string ExactValue(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kFlag:
      return value.flag() ? "true" : "false";
    case v1::Value::kInteger:
      return std::to_string(value.integer());
    case v1::Value::kNumber:
      return ExactNumber(value.number());
    case v1::Value::kText:
      return value.text();
    case v1::Value::KIND_NOT_SET:
      return "";
  }
  return "";
}

std::string_view StateWord(v1::Trial::State state) {
  switch (state) {
    case v1::Trial::QUEUED:
      return "queued";
    case v1::Trial::RUNNING:
      return "running";
    case v1::Trial::PAUSED:
      return "paused";
    case v1::Trial::COMPLETED:
      return "done";
    case v1::Trial::PRUNED:
      return "pruned";
    case v1::Trial::INFEASIBLE:
      return "infeasible";
    case v1::Trial::FAILED:
      return "failed";
    case v1::Trial::CANCELLED:
      return "cancelled";
    default:
      return "unknown";
  }
}

std::string_view StateWord(v1::Sweep::State state) {
  switch (state) {
    case v1::Sweep::RUNNING:
      return "running";
    case v1::Sweep::PAUSED:
      return "paused";
    case v1::Sweep::STOPPING:
      return "stopping";
    case v1::Sweep::COMPLETED:
      return "done";
    case v1::Sweep::CANCELLED:
      return "cancelled";
    case v1::Sweep::FAILED:
      return "failed";
    default:
      return "unknown";
  }
}

std::string_view StateMark(v1::Trial::State state) {
  switch (state) {
    case v1::Trial::QUEUED:
      return "·";
    case v1::Trial::RUNNING:
      return "●";
    case v1::Trial::PAUSED:
      return "‖";
    case v1::Trial::COMPLETED:
      return "✓";
    case v1::Trial::PRUNED:
      return "✕";
    case v1::Trial::INFEASIBLE:
    case v1::Trial::FAILED:
      return "!";
    case v1::Trial::CANCELLED:
      return "○";
    default:
      return "?";
  }
}

std::string_view StateMark(v1::Sweep::State state) {
  switch (state) {
    case v1::Sweep::RUNNING:
    case v1::Sweep::STOPPING:
      return "●";
    case v1::Sweep::PAUSED:
      return "‖";
    case v1::Sweep::COMPLETED:
      return "✓";
    case v1::Sweep::CANCELLED:
      return "○";
    case v1::Sweep::FAILED:
      return "!";
    default:
      return "?";
  }
}

Style StateStyle(v1::Trial::State state) {
  switch (state) {
    case v1::Trial::COMPLETED:
      return Style::kGood;
    case v1::Trial::PRUNED:
    case v1::Trial::QUEUED:
    case v1::Trial::CANCELLED:
      return Style::kFaint;
    case v1::Trial::PAUSED:
      return Style::kWarning;
    case v1::Trial::INFEASIBLE:
    case v1::Trial::FAILED:
      return Style::kBad;
    default:
      return Style::kPlain;
  }
}

Style StateStyle(v1::Sweep::State state) {
  switch (state) {
    case v1::Sweep::COMPLETED:
      return Style::kGood;
    case v1::Sweep::PAUSED:
    case v1::Sweep::STOPPING:
      return Style::kWarning;
    case v1::Sweep::FAILED:
      return Style::kBad;
    case v1::Sweep::CANCELLED:
      return Style::kFaint;
    default:
      return Style::kPlain;
  }
}

std::string Plural(std::int64_t count, std::string_view noun) {
  return absl::StrCat(FormatCount(count), " ", std::string(noun), count == 1 ? "" : "s");
}

}  // namespace lorasweep::cli
