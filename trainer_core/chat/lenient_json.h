#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"

namespace lorasweep::chat {

// JSON as data files have it: bytes that are not UTF-8, and escapes of lone surrogates (which Python writes and reads),
// become U+FFFD. InvalidArgument: "not JSON: " and what is wrong.
absl::StatusOr<nlohmann::json> ParseLenientJson(std::string_view text);

}  // namespace lorasweep::chat
