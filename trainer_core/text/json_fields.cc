#include "trainer_core/text/json_fields.h"

#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

absl::Status Missing(const char* key, const std::string& where) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": \"", key, "\" is missing"));
}

absl::Status Wrong(const char* key, const Json& value, const std::string& expected, const std::string& where) {
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": \"", key, "\" is ", ShowJson(value), ", expected ", expected));
}

// Real files nest ten deep. Readers and printers of values recurse, so the depth must have a limit.
constexpr int kMostDepth = 100;

bool IsTooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMostDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::string JsonCause(const Json::exception& error) {
  std::string_view what = error.what();
  // "[json.exception.parse_error.101] parse error at line 1, column 2: …"
  if (const std::size_t label = what.find("] "); label != std::string_view::npos) what.remove_prefix(label + 2);
  constexpr std::string_view kAt = "parse error at ";
  if (what.starts_with(kAt)) what.remove_prefix(kAt.size());
  return std::string(what);
}

absl::Status CheckJsonText(std::string_view text, const std::string& where) {
  if (!IsUtf8(text)) return absl::InvalidArgumentError(absl::StrCat(where, ": not UTF-8"));
  if (IsTooDeep(text)) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": nested more than ", kMostDepth, " deep"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> ParseJson(std::string_view text, const std::string& where) {
  if (absl::Status status = CheckJsonText(text, where); !status.ok()) return status;
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": not valid JSON: ", JsonCause(error)));
  }
}

const Json* FindField(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

absl::StatusOr<bool> BoolField(const Json& object, const char* key, std::optional<bool> fallback,
                               const std::string& where) {
  const Json* value = FindField(object, key);
  if (value == nullptr && fallback.has_value()) return *fallback;
  if (value == nullptr) return Missing(key, where);
  if (!value->is_boolean()) return Wrong(key, *value, "true or false", where);
  return value->get<bool>();
}

absl::StatusOr<std::string> StringField(const Json& object, const char* key, std::optional<std::string> fallback,
                                        const std::string& where) {
  const Json* value = FindField(object, key);
  if (value == nullptr && fallback.has_value()) return *fallback;
  if (value == nullptr) return Missing(key, where);
  if (!value->is_string()) return Wrong(key, *value, "a string", where);
  return value->get<std::string>();
}

absl::StatusOr<std::int64_t> IntField(const Json& object, const char* key, std::optional<std::int64_t> fallback,
                                      std::int64_t least, std::int64_t most, const std::string& where) {
  const Json* value = FindField(object, key);
  if (value == nullptr && fallback.has_value()) return *fallback;
  if (value == nullptr) return Missing(key, where);
  const std::string expected = absl::StrCat("an integer from ", least, " to ", most);
  if (!value->is_number_integer()) return Wrong(key, *value, expected, where);
  const bool too_large = value->is_number_unsigned() &&
                         value->get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  if (too_large) return Wrong(key, *value, expected, where);
  const auto number = value->get<std::int64_t>();
  if (number < least || number > most) return Wrong(key, *value, expected, where);
  return number;
}

absl::StatusOr<double> NumberField(const Json& object, const char* key, std::optional<double> fallback, double least,
                                   double most, const std::string& where) {
  const Json* value = FindField(object, key);
  if (value == nullptr && fallback.has_value()) return *fallback;
  if (value == nullptr) return Missing(key, where);
  const std::string expected = absl::StrCat("a number from ", least, " to ", most);
  if (!value->is_number()) return Wrong(key, *value, expected, where);
  const auto number = value->get<double>();
  if (!(number >= least && number <= most)) return Wrong(key, *value, expected, where);
  return number;
}

std::string ShowJson(const Json& value) {
  constexpr std::size_t kMost = 80;
  std::string shown = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (shown.size() > kMost) shown = shown.substr(0, kMost) + "…";
  return shown;
}

}  // namespace lorasweep::text
