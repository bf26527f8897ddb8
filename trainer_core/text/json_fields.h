#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

// Reading fields of JSON from outside: every type and bound is checked, and every error names the place and the key.
// A key that is absent or null takes the fallback; without one that is an error.
namespace lorasweep::text {

using Json = nlohmann::json;

// What went wrong, without the library's own labels: "line 1, column 2: syntax error while parsing …".
std::string JsonCause(const Json::exception& error);

// InvalidArgument when a text that is to be read as JSON is not UTF-8 or nests too deep.
absl::Status CheckJsonText(std::string_view text, const std::string& where);

absl::StatusOr<Json> ParseJson(std::string_view text, const std::string& where);

// The value of `key`, null when `object` is no object, has no such key, or has it with null.
const Json* FindField(const Json& object, const char* key);

absl::StatusOr<bool> BoolField(const Json& object, const char* key, std::optional<bool> fallback,
                               const std::string& where);
absl::StatusOr<std::string> StringField(const Json& object, const char* key, std::optional<std::string> fallback,
                                        const std::string& where);
absl::StatusOr<std::int64_t> IntField(const Json& object, const char* key, std::optional<std::int64_t> fallback,
                                      std::int64_t least, std::int64_t most, const std::string& where);
absl::StatusOr<double> NumberField(const Json& object, const char* key, std::optional<double> fallback, double least,
                                   double most, const std::string& where);

// A value for a message, cut when long.
std::string ShowJson(const Json& value);

}  // namespace lorasweep::text
