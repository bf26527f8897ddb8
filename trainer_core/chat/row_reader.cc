#include "trainer_core/chat/row_reader.h"

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/chat/json_row_reader.h"
#include "trainer_core/chat/parquet_row_reader.h"

namespace lorasweep::chat {

absl::StatusOr<std::unique_ptr<RowReader>> RowReader::Open(const std::filesystem::path& file, RowForm form) {
  const std::string extension = file.extension().string();
  const bool lines = extension == ".jsonl";
  const bool parquet = extension == ".parquet";
  if (!lines && !parquet && extension != ".json") {
    return absl::InvalidArgumentError(absl::StrCat(file.string(), ": data files are .jsonl, .json or .parquet"));
  }
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    return absl::NotFoundError(absl::StrCat(file.string(), ": no such file"));
  }
  if (parquet) return OpenParquet(file, form);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return absl::PermissionDeniedError(absl::StrCat(file.string(), ": cannot be opened"));
  return std::make_unique<JsonRowReader>(file.string(), std::move(stream),
                                         lines ? JsonRowReader::Form::kLines : JsonRowReader::Form::kValues, form);
}

}  // namespace lorasweep::chat
