#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// What of a base model's folder decides what a trial on it comes to: its weights, and its configuration, tokenizer and
// chat template as far as it has them. In the order of their names. NotFound, InvalidArgument: the weights cannot be
// listed.
absl::StatusOr<std::vector<std::filesystem::path>> BaseFiles(const std::filesystem::path& folder);

// The content hash of a base model: SHA-256 of what `sha256sum` prints of these files in their folder. Equal hashes,
// equal models, wherever they lie. Reads all of them, at a gigabyte or so a second. Errors: BaseFiles'; NotFound or
// Internal with the name of a file that cannot be read.
absl::StatusOr<std::string> BaseSha256(const std::filesystem::path& folder);

}  // namespace lorasweep::text
