#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "trainer_core/text/aligned_text.h"

namespace lorasweep::text {

// A text and the pieces of it that the model sees one by one. Pieces are in order, do not overlap and are not empty;
// text between them is dropped.
struct Pieces {
  AlignedText text;
  std::vector<Span> spans;
  bool starts_input = false;  // the text begins where the input does
};

// Splits pieces further, and may change their text. Pure.
using PreTokenizer = std::function<void(Pieces&)>;

// From the "pre_tokenizer" of a tokenizer.json (null: none). Unimplemented names a type that is not supported.
absl::StatusOr<PreTokenizer> MakePreTokenizer(const nlohmann::json& json, const std::string& where);

}  // namespace lorasweep::text
