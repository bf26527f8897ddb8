#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/chat/supervision.h"
#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::chat {

// Where the validation rows come from: a share of the training files' rows (above 0, below 1), a number of them, or
// files of their own.
struct Share {
  double share = 0.1;
};
struct RowCount {
  std::int64_t rows = 0;
};
struct Files {
  std::vector<std::filesystem::path> files;
};

// How files of conversations become training sequences.
struct DataRecipe {
  std::vector<std::filesystem::path> train;  // .jsonl, .json
  std::variant<Share, RowCount, Files> validation = Share{};
  std::int64_t max_length = 1024;  // tokens; longer conversations lose their end
  LossOn loss_on = LossOn::kAssistant;
  bool packing = false;       // several training sequences a row; validation is never packed
  std::int64_t max_rows = 0;  // at most this many rows of the training files, chosen at random; 0: all
  std::uint64_t seed = 0;     // decides the choice and the split, on every machine alike
};

// Applies the recipe with the template and tokenizer of the model's folder. Rows that are equal (same roles and texts)
// are used once, and validation keeps them: no row is on both sides. Rows that leave nothing to learn are dropped; the
// report counts both.
// NotFound: a file is missing. InvalidArgument: the recipe, or a row (as file:line and what is wrong), or a token that
// the model has no embedding for. FailedPrecondition: nothing is left for training or for validation, with the counts.
absl::StatusOr<text::TokenizedData> PrepareData(const DataRecipe& recipe, const std::filesystem::path& model_folder);

// A training row as PrepareData would see it, before cutting to max_length.
struct PreviewRow {
  std::string where;  // "data.jsonl:17"
  Supervised supervised;
};

// The first `rows` rows of the training files, for people to look at. Errors as PrepareData's.
absl::StatusOr<std::vector<PreviewRow>> PreviewData(const DataRecipe& recipe, const std::filesystem::path& model_folder,
                                                    std::int64_t rows);

}  // namespace lorasweep::chat
