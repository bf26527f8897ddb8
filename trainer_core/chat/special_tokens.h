#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::chat {

// bos_token, eos_token, pad_token and unk_token with their texts, as far as a model has them.
using SpecialTokens = std::map<std::string, std::string>;

// From tokenizer_config.json, else special_tokens_map.json of a model's folder. InvalidArgument: a file is not JSON.
absl::StatusOr<SpecialTokens> LoadSpecialTokens(const std::filesystem::path& model_folder);

// The same; what those files leave out (GPT-2's name nothing) comes from the ids in generation_config.json, else
// config.json.
absl::StatusOr<SpecialTokens> LoadSpecialTokens(const std::filesystem::path& model_folder,
                                                const text::Tokenizer& tokenizer);

}  // namespace lorasweep::chat
