#include "server/blob_index.h"

#include <algorithm>
#include <utility>

namespace lorasweep::server {

void BlobIndex::Put(const std::string& object, std::int64_t size, absl::Duration now) {
  Blob& blob = blobs_[object];
  bytes_ += size - std::max<std::int64_t>(blob.size, 0);
  blob.size = size;
  blob.keep_until = std::max(blob.keep_until, now + kGrace);
}

void BlobIndex::Drop(const std::string& object) {
  const auto found = blobs_.find(object);
  if (found == blobs_.end()) return;
  bytes_ -= std::max<std::int64_t>(found->second.size, 0);
  found->second.size = -1;
  if (found->second.artifacts <= 0 && found->second.holds <= 0) blobs_.erase(found);
}

void BlobIndex::Compose(const std::string& file, const std::vector<std::string>& objects, absl::Duration now) {
  Blob& blob = blobs_[file];
  blob.keep_until = std::max(blob.keep_until, now + kGrace);
  if (blob.size >= 0 || !blob.chunks.empty() || objects == std::vector<std::string>{file}) return;
  blob.chunks = objects;
  for (const std::string& object : objects) Hold(object);
}

void BlobIndex::Claim(const std::string& blob, absl::Duration now) {
  const auto found = blobs_.find(blob);
  if (found != blobs_.end()) found->second.keep_until = std::max(found->second.keep_until, now + kGrace);
}

std::optional<BlobIndex::File> BlobIndex::Find(const std::string& file) const {
  const auto found = blobs_.find(file);
  if (found == blobs_.end()) return std::nullopt;
  if (found->second.size >= 0) return File{.size = found->second.size, .objects = {file}};
  if (found->second.chunks.empty()) return std::nullopt;
  File whole{.objects = found->second.chunks};
  for (const std::string& chunk : whole.objects) {
    const auto object = blobs_.find(chunk);
    if (object == blobs_.end() || object->second.size < 0) return std::nullopt;
    whole.size += object->second.size;
  }
  return whole;
}

bool BlobIndex::HasObject(const std::string& object) const {
  const auto found = blobs_.find(object);
  return found != blobs_.end() && found->second.size >= 0;
}

void BlobIndex::Hold(const std::string& object) {
  ++blobs_[object].holds;
}

void BlobIndex::Release(const std::string& object) {
  const auto found = blobs_.find(object);
  if (found != blobs_.end()) --found->second.holds;
}

void BlobIndex::Add(const v1::Artifact& artifact) {
  for (const v1::ArtifactFile& file : artifact.files()) {
    if (file.chunks_size() > 0) {
      Compose(file.sha256(), {file.chunks().begin(), file.chunks().end()}, -absl::InfiniteDuration());
    }
    ++blobs_[file.sha256()].artifacts;
  }
}

void BlobIndex::Release(const v1::Artifact& artifact) {
  for (const v1::ArtifactFile& file : artifact.files()) {
    const auto found = blobs_.find(file.sha256());
    if (found != blobs_.end()) --found->second.artifacts;
  }
}

void BlobIndex::ForgetArtifacts(absl::Duration now) {
  for (auto& [name, blob] : blobs_) {
    blob.artifacts = 0;
    blob.keep_until = std::max(blob.keep_until, now + kGrace);
  }
}

std::vector<std::string> BlobIndex::Unwanted(absl::Duration now) const {
  std::vector<std::string> unwanted;
  for (const auto& [name, blob] : blobs_) {
    if (IsUnwanted(blob, now)) unwanted.push_back(name);
  }
  return unwanted;
}

std::map<std::string, std::int64_t> BlobIndex::Discard(const std::vector<std::string>& unwanted, absl::Duration now) {
  std::map<std::string, std::int64_t> objects;
  // Chunks of a file come behind it.
  std::vector<std::string> candidates = unwanted;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto found = blobs_.find(candidates[i]);
    if (found == blobs_.end() || !IsUnwanted(found->second, now)) continue;
    for (const std::string& chunk : found->second.chunks) {
      Release(chunk);
      candidates.push_back(chunk);
    }
    if (found->second.size >= 0) {
      objects[found->first] = found->second.size;
      bytes_ -= found->second.size;
    }
    blobs_.erase(found);
  }
  return objects;
}

}  // namespace lorasweep::server
