#pragma once

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "trainer_core/gguf/gguf_writer.h"

namespace lorasweep::gguf {

// Writes the tokenizer of a Hugging Face folder as tokenizer.* keys: tokens with their types, merges or scores, the
// pre-tokenizer's name, special tokens, what is put around a text, and the chat template. As llama.cpp's
// convert_hf_to_gguf.py does it, but for two things that it gives up on: pre-tokenizers are known by what they are and
// not by a list of models, and scores of a vocabulary without tokenizer.model follow from its merges.
//
// `vocab_size`: embeddings of the model; ids without a token are filled. NotFound: no tokenizer.json. InvalidArgument:
// files that are damaged or contradict each other. Unimplemented: a tokenizer that llama.cpp has no name for.
absl::Status SetTokenizer(const std::filesystem::path& folder, std::int64_t vocab_size, bool gemma, GgufWriter& writer);

}  // namespace lorasweep::gguf
