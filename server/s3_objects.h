#pragma once

#include <memory>
#include <utility>

#include "doors/s3_bucket.h"
#include "server/object_store.h"

namespace lorasweep::server {

// Objects in a bucket, as PREFIX/abcd….
class S3Objects final : public ObjectStore {
 public:
  explicit S3Objects(std::unique_ptr<doors::S3Bucket> bucket) : bucket_(std::move(bucket)) {}

  absl::Status Put(const std::string& sha256, std::string_view content) override;
  absl::StatusOr<std::string> Get(const std::string& sha256, std::int64_t offset, std::int64_t size) const override;
  absl::Status Remove(const std::string& sha256) override;
  absl::StatusOr<std::vector<Object>> List() const override;
  // An object is there once all of it has come: nothing is left.
  absl::Status RemoveBroken() override { return absl::OkStatus(); }

 private:
  const std::unique_ptr<doors::S3Bucket> bucket_;
};

}  // namespace lorasweep::server
