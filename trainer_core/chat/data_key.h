#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/chat/data_recipe.h"
#include "trainer_core/chat/supervision.h"

namespace lorasweep::chat {

// SHA-256 of each file that a recipe reads.
struct FileDigests {
  std::vector<std::string> train;
  std::vector<std::string> validation;
  std::vector<std::string> test;
};

// Reads every file. NotFound: one is missing.
absl::StatusOr<FileDigests> DigestFiles(const DataRecipe& recipe);

// Digest of everything that decides what PrepareData makes: the recipe, the files' content (not their names), the
// tokenizer, the template with its special tokens, the model's vocabulary size, and the code of this library. Errors:
// tokenizer.json cannot be read.
absl::StatusOr<std::string> DataKey(const DataRecipe& recipe, const std::filesystem::path& model_folder,
                                    const Supervisor& supervisor, std::int64_t vocab_size, const FileDigests& digests);

}  // namespace lorasweep::chat
