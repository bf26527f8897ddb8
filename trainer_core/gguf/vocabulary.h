#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/gguf/gguf_file.h"

namespace lorasweep::gguf {

// Values of tokenizer.ggml.token_type.
enum TokenType : std::int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

// The tokens of a GGUF file, by id, and the roles that some have.
struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int64_t> types;  // one for each token
  std::optional<std::int64_t> bos, eos, eot, pad, unknown;
  bool add_bos = false;  // around an encoded text
  bool add_eos = false;
};

// Reads tokens, types and roles. Tokens that begin or end texts count as control tokens, as older files do not say.
// InvalidArgument: missing, of the wrong kind or size (more tokens than `vocab_rows`), naming the key.
absl::StatusOr<Vocabulary> ReadVocabulary(const GgufFile& file, std::int64_t vocab_rows);

// Reads what is added around a text; `default_add_bos` where the file does not say.
absl::Status ReadAddFlags(const GgufFile& file, bool default_add_bos, Vocabulary& vocabulary);

// Tokens that are matched in the raw text before anything else; of them only control and unknown ones are special.
bool IsAdded(std::int64_t type);
bool IsSpecial(std::int64_t type);

// The value of a bool key, or `otherwise` where there is none.
absl::StatusOr<bool> BoolOr(const GgufFile& file, const char* key, bool otherwise);

}  // namespace lorasweep::gguf
