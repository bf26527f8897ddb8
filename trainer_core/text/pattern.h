#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "trainer_core/text/regex.h"

namespace lorasweep::text {

// From the "pattern" of a normalizer, pre-tokenizer or decoder: {"String": "…"} or {"Regex": "…"}.
absl::StatusOr<Regex> MakePattern(const nlohmann::json& component, const std::string& where);

// `text` with every match of `pattern` replaced by `content`, which is taken as it stands. An inserted text has the
// origin of what it replaces.
AlignedText ReplaceMatches(const AlignedText& text, const Regex& pattern, const std::string& content);

}  // namespace lorasweep::text
