#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/chat/data_cache.h"
#include "trainer_core/chat/supervision.h"
#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::chat {

// Where held-out rows come from: a share of the training files' rows (above 0, below 1), a number of them, or files of
// their own.
struct Share {
  double share = 0.1;
};
struct RowCount {
  std::int64_t rows = 0;
};
struct Files {
  std::vector<std::filesystem::path> files;
};
using HeldOut = std::variant<Share, RowCount, Files>;

// What happens to sequences over max_length: they lose their end, or are left out.
enum class Truncation { kTruncate, kDrop };

// How files of rows become training sequences.
struct DataRecipe {
  std::vector<std::filesystem::path> train;  // .jsonl, .json, .parquet
  // One for each file of `train`, above 0: its share of the training rows, see UsesByWeight. The rows are as many as
  // without weights. Empty: every row once.
  std::vector<double> weights;
  RowForm form = RowForm::kAuto;
  HeldOut validation = Share{};
  std::optional<HeldOut> test;
  std::int64_t max_length = 1024;  // tokens
  Truncation truncation = Truncation::kTruncate;
  SupervisionOptions supervision;
  bool packing = false;       // several training sequences a row; held-out sequences are never packed
  std::int64_t max_rows = 0;  // at most this many rows of the training files, chosen at random, by weight; 0: all
  std::uint64_t seed = 0;     // decides the choice and the splits, on every machine alike
};

// Applies the recipe with the template and tokenizer of the model's folder. Rows that are equal (same roles and texts)
// are used once; a test file keeps them, else a validation file: no row is on two sides. Rows that leave nothing to
// learn are dropped; the report counts all that is left out. The validation rows do not depend on there being a test.
// NotFound: a file is missing. InvalidArgument: the recipe, or a row (as file:line and what is wrong), or a token that
// the model has no embedding for. FailedPrecondition: nothing is left for training, validation or test, with the
// counts.
// With a cache, what was prepared before is read from there, and what is prepared is put there.
absl::StatusOr<text::TokenizedData> PrepareData(const DataRecipe& recipe, const std::filesystem::path& model_folder,
                                                const DataCache* cache = nullptr);

// A row as PrepareData would see it, before max_length.
struct PreviewRow {
  std::string where;  // "data.jsonl:17"
  Supervised supervised;
};

// The first `rows` rows of each training file, for people to look at. Errors as PrepareData's.
absl::StatusOr<std::vector<PreviewRow>> PreviewData(const DataRecipe& recipe, const std::filesystem::path& model_folder,
                                                    std::int64_t rows);

}  // namespace lorasweep::chat
