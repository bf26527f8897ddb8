#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::text {

// Tokenised data as a file, which is read through a memory map:
//   "LSDATA01", u64 checksum of all that follows, u64 size of it, then
//   key (64 bytes) · report: rows_read, rows_without_target, duplicates, not_chosen, too_long, truncated (i64 each),
//   lengths (u64 count, i32 each) · train: u64 rows, for each u64 sequences · validation: u64 · test: u64 ·
//   for each sequence, in that order, u64 tokens · all ids (i32) · all masks (u8)
// Numbers are little-endian. The file appears whole or not at all. Errors of the disk.
absl::Status WriteTokenizedData(const TokenizedData& data, const std::filesystem::path& file);

// NotFound: there is no such file. DataLoss: the file is not what was written.
absl::StatusOr<TokenizedData> ReadTokenizedData(const std::filesystem::path& file);

}  // namespace lorasweep::text
