#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "trainer_core/gguf/gguf_file.h"

namespace lorasweep::gguf {

// The Hugging Face form of the tokenizer in a GGUF file: the contents of the files that carry it.
struct TokenizerFiles {
  std::string tokenizer_json;
  std::string tokenizer_config_json;
  std::string special_tokens_map_json;
  std::string generation_config_json;
  std::optional<std::int64_t> bos_id;
  std::optional<std::int64_t> eos_id;
  std::optional<std::int64_t> pad_id;
};

// Knows byte-level BPE (tokenizer.ggml.model gpt2) with the pre-tokenizers of GPT-2, SmolLM, Llama 3 and Qwen 2, and
// sentencepiece (model llama), whose merges are rebuilt from the scores. `vocab_rows` is the number of embeddings,
// `context_length` the model's limit. Unimplemented: another tokenizer, named. InvalidArgument: data that contradict
// each other, naming the key.
absl::StatusOr<TokenizerFiles> BuildTokenizerFiles(const GgufFile& file, std::int64_t vocab_rows,
                                                   std::int64_t context_length);

}  // namespace lorasweep::gguf
