#pragma once

#include <functional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "trainer_core/text/aligned_text.h"

namespace lorasweep::text {

// Changes a text before it is split. Pure.
using Normalizer = std::function<AlignedText(AlignedText)>;

// From the "normalizer" of a tokenizer.json (null: none). Unimplemented names a type that is not supported.
absl::StatusOr<Normalizer> MakeNormalizer(const nlohmann::json& json, const std::string& where);

}  // namespace lorasweep::text
