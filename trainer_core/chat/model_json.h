#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"

// Small JSON files of a model's folder.
namespace lorasweep::chat {

inline constexpr std::size_t kMaxModelFileBytes = std::size_t{64} << 20;

// The object in a file; an empty one when there is no such file. InvalidArgument names the file.
absl::StatusOr<nlohmann::json> ReadJsonObject(const std::filesystem::path& file);

// A special token's text: given as it is, or as an object with it; none when null or missing.
std::optional<std::string> TokenText(const nlohmann::json& object, const char* name);

}  // namespace lorasweep::chat
