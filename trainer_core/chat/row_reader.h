#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "trainer_core/chat/data_row.h"

namespace lorasweep::chat {

// Reads the rows of a data file one after the other; the file may be of any size.
//
//   auto reader = RowReader::Open("train.jsonl", RowForm::kAuto);
//   while (true) {
//     auto row = (*reader)->Next();
//     if (!row.ok()) return row.status();
//     if (!*row) break;
//     Use(**row);
//   }
//
// .jsonl: one row a line, empty lines are skipped. .json: a list of rows, or rows one after the other. .parquet: one
// row a row. Not thread-safe.
class RowReader {
 public:
  static constexpr std::size_t kMaxRowBytes = std::size_t{16} << 20;

  // NotFound: no such file. InvalidArgument: another extension, or no Parquet file. Unimplemented: a Parquet file, and
  // this program was built without Parquet.
  static absl::StatusOr<std::unique_ptr<RowReader>> Open(const std::filesystem::path& file, RowForm form);

  virtual ~RowReader() = default;

  // Nothing at the end of the file. InvalidArgument: a wrong row, as file:line and what is wrong; reading cannot go on
  // after that.
  virtual absl::StatusOr<std::optional<DataRow>> Next() = 0;

  // SHA-256 of the file, once all rows were read.
  virtual absl::StatusOr<std::string> Digest() = 0;
};

}  // namespace lorasweep::chat
