#include "server/s3_objects.h"

#include "server/sha256.h"

namespace lorasweep::server {

absl::Status S3Objects::Put(const std::string& sha256, std::string_view content) {
  return bucket_->Put(sha256, content);
}

absl::StatusOr<std::string> S3Objects::Get(const std::string& sha256, std::int64_t offset, std::int64_t size) const {
  absl::StatusOr<std::string> data = bucket_->Get(sha256, offset, size);
  if (absl::IsNotFound(data.status())) return NoSuchObject(sha256);
  return data;
}

absl::Status S3Objects::Remove(const std::string& sha256) {
  return bucket_->Remove(sha256);
}

absl::StatusOr<std::vector<ObjectStore::Object>> S3Objects::List() const {
  const absl::StatusOr<std::vector<doors::S3Bucket::Object>> listed = bucket_->List();
  if (!listed.ok()) return listed.status();
  std::vector<Object> found;
  for (const doors::S3Bucket::Object& object : *listed) {
    if (IsSha256(object.key)) found.push_back({.sha256 = object.key, .size = object.size});
  }
  return found;
}

}  // namespace lorasweep::server
