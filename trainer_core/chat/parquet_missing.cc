// OpenParquet where the program is built without Arrow.
#include "absl/strings/str_cat.h"
#include "trainer_core/chat/parquet_row_reader.h"

namespace lorasweep::chat {

absl::StatusOr<std::unique_ptr<RowReader>> OpenParquet(const std::filesystem::path& file, RowForm) {
  return absl::UnimplementedError(
      absl::StrCat(file.string(), ": this program was built without Parquet; make it a .jsonl file"));
}

}  // namespace lorasweep::chat
