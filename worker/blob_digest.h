#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lorasweep::worker {

// What names a file to the coordinator.
struct BlobDigest {
  std::string sha256;
  std::int64_t size = 0;
  std::vector<std::string> chunks;  // SHA-256 of each, of a file of more than one (proto/blob_chunks.h)
};

// Reads all of it. Internal: it cannot be read.
absl::StatusOr<BlobDigest> DigestOf(const std::filesystem::path& file);

}  // namespace lorasweep::worker
