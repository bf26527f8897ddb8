#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/chat/supervision.h"

namespace lorasweep::chat {

// Which rows of some files are used. The files are read twice, so that memory holds what is used and not the files.
struct RowSelection {
  std::vector<bool> used;            // one for each row of the files, in order
  std::vector<std::size_t> file;     // which file each row is from
  std::vector<std::string> digests;  // SHA-256 of each file
  std::int64_t duplicates = 0;       // equal to an earlier row, of these files or of `seen`
};

// Reads all rows, checks them, and leaves out those already in `seen` (digests of rows), which it extends.
absl::StatusOr<RowSelection> SelectRows(const std::vector<std::filesystem::path>& files, RowForm form,
                                        std::unordered_set<std::string>& seen);

// A row of a file as tokens.
struct SourceRow {
  std::string where;
  std::size_t file = 0;  // index of the file it is from
  Supervised supervised;
};

// Reads the files again and gives the used rows to `take`, in file order; the work between is spread over threads.
// InvalidArgument: a row that the template refuses, as file:line. Aborted: a file has changed since the selection.
absl::Status ReadRows(const std::vector<std::filesystem::path>& files, RowForm form, const RowSelection& selection,
                      const Supervisor& supervisor, const std::function<absl::Status(SourceRow)>& take);

}  // namespace lorasweep::chat
