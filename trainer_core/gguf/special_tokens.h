#pragma once

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "trainer_core/gguf/gguf_writer.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::gguf {

// Writes which tokens begin, end and pad texts, whether an encoded text gets them, and the chat template: what
// SpecialVocab of llama.cpp's gguf-py reads out of tokenizer.json's post-processor, tokenizer_config.json,
// chat_template.jinja and config.json. `tokenizer` and `config` (tokenizer_config.json) are objects.
// InvalidArgument: a file that is damaged.
absl::Status SetSpecialTokens(const std::filesystem::path& folder, const text::Json& tokenizer, text::Json config,
                              std::int64_t vocab_size, GgufWriter& writer);

}  // namespace lorasweep::gguf
