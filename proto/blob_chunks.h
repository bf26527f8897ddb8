#pragma once

#include <cstdint>

namespace lorasweep::proto {

// Files larger than this travel and are stored in chunks of this many bytes, the last one with the rest: part of the
// wire's contract (BlobHeader.chunks, ArtifactFile.chunks).
inline constexpr std::int64_t kBlobChunkBytes = std::int64_t{4} << 20;

// Of a file with chunks: how many bytes the chunk at `place` has.
constexpr std::int64_t BlobChunkBytes(std::int64_t file_bytes, std::int64_t place) {
  const std::int64_t rest = file_bytes - place * kBlobChunkBytes;
  return rest < kBlobChunkBytes ? rest : kBlobChunkBytes;
}

}  // namespace lorasweep::proto
