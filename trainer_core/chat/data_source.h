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

// A random number for (seed, purpose, index), the same on every machine: splitmix64 finaliser over their mix.
std::uint64_t RandomKey(std::uint64_t seed, std::uint64_t purpose, std::uint64_t index);
// `count` of the indices 0 .. size-1 (all when there are fewer), each equally likely, as flags.
std::vector<bool> ChooseAtRandom(std::size_t size, std::size_t count, std::uint64_t seed, std::uint64_t purpose);

// Which rows of some files are used. The files are read twice, so that memory holds what is used and not the files.
struct RowSelection {
  std::vector<bool> used;            // one for each row of the files, in order
  std::vector<std::string> digests;  // SHA-256 of each file
  std::int64_t duplicates = 0;       // equal to an earlier row, of these files or of `seen`
};

// Reads all rows, checks them, and leaves out those already in `seen` (digests of rows), which it extends.
absl::StatusOr<RowSelection> SelectRows(const std::vector<std::filesystem::path>& files,
                                        std::unordered_set<std::string>& seen);

// A row of a file as tokens.
struct SourceRow {
  std::string where;
  Supervised supervised;
};

// Reads the files again and gives the used rows to `take`, in file order; the work between is spread over threads.
// InvalidArgument: a row that the template refuses, as file:line. Aborted: a file has changed since the selection.
absl::Status ReadRows(const std::vector<std::filesystem::path>& files, const RowSelection& selection,
                      const Supervisor& supervisor, const std::function<absl::Status(SourceRow)>& take);

}  // namespace lorasweep::chat
