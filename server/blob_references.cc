#include "server/blob_references.h"

namespace lorasweep::server {

void BlobReferences::Claim(const std::string& sha256, absl::Duration now) {
  blobs_[sha256].keep_until = now + kGrace;
}

void BlobReferences::Add(const v1::Artifact& artifact) {
  for (const v1::ArtifactFile& file : artifact.files()) ++blobs_[file.sha256()].references;
}

void BlobReferences::Release(const v1::Artifact& artifact) {
  for (const v1::ArtifactFile& file : artifact.files()) {
    const auto found = blobs_.find(file.sha256());
    if (found != blobs_.end()) --found->second.references;
  }
}

std::vector<std::string> BlobReferences::Collect(absl::Duration now) {
  std::vector<std::string> unwanted;
  for (auto blob = blobs_.begin(); blob != blobs_.end();) {
    if (blob->second.references <= 0 && blob->second.keep_until <= now) {
      unwanted.push_back(blob->first);
      blob = blobs_.erase(blob);
    } else {
      ++blob;
    }
  }
  return unwanted;
}

}  // namespace lorasweep::server
