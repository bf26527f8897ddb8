#pragma once

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "trainer_core/chat/row_reader.h"

namespace lorasweep::chat {

// The rows of a Parquet file; see RowReader. Of its columns those that some form of rows has are read, nested ones too.
absl::StatusOr<std::unique_ptr<RowReader>> OpenParquet(const std::filesystem::path& file, RowForm form);

}  // namespace lorasweep::chat
