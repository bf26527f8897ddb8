#include "worker/blob_digest.h"

#include <fstream>

#include "absl/strings/str_cat.h"
#include "proto/blob_chunks.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::worker {

absl::StatusOr<BlobDigest> DigestOf(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return absl::InternalError(absl::StrCat("cannot read ", file.string()));
  BlobDigest digest;
  text::Sha256 whole;
  std::string chunk(static_cast<std::size_t>(proto::kBlobChunkBytes), '\0');
  while (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())), in.gcount() > 0) {
    const std::string_view data(chunk.data(), static_cast<std::size_t>(in.gcount()));
    whole.Update(data);
    digest.size += static_cast<std::int64_t>(data.size());
    digest.chunks.push_back(text::Sha256Hex(data));
  }
  if (in.bad()) return absl::InternalError(absl::StrCat("cannot read ", file.string()));
  digest.sha256 = whole.HexDigest();
  if (digest.chunks.size() < 2) digest.chunks.clear();
  return digest;
}

}  // namespace lorasweep::worker
