#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// Turns the contents of tokens into parts of a text; the text is all of them joined. Pure.
using Decoder = std::function<std::vector<std::string>(std::vector<std::string>)>;

// From the "decoder" of a tokenizer.json (null: contents joined with spaces, as tokenizers does). Unimplemented names a
// type that is not supported.
absl::StatusOr<Decoder> MakeDecoder(const nlohmann::json& json, const std::string& where);

}  // namespace lorasweep::text
