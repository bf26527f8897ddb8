#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace lorasweep::gguf {

// One entry of a sentencepiece vocabulary.
struct SentencePiece {
  std::string text;
  float score = 0;
  std::int64_t type = 1;  // as TokenType of vocabulary.h: the two count alike
};

// The vocabulary of a tokenizer.model, by id: the `pieces` of sentencepiece's ModelProto, the rest of which is skipped.
// InvalidArgument: not such a file; `where` names it.
absl::StatusOr<std::vector<SentencePiece>> ReadSentencePieces(std::string_view bytes, const std::string& where);

}  // namespace lorasweep::gguf
