#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// SentencePiece's visible space, as pre-tokenizer and as decoder: spaces become `replacement` and one is put before
// the text.
struct Metaspace {
  enum class Prepend { kAlways, kFirst, kNever };  // before every piece, the input's first one, none
  std::string replacement = "\xE2\x96\x81";        // ▁, one character
  Prepend prepend = Prepend::kAlways;
  bool split = true;  // pieces end before each replacement
};

absl::StatusOr<Metaspace> MakeMetaspace(const nlohmann::json& json, const std::string& where);

}  // namespace lorasweep::text
