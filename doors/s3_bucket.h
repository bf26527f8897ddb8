#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lorasweep::doors {

// Objects of one prefix of a bucket of S3, or of what speaks S3. Credentials come from AWS' usual environment variables
// and files, or from the machine's role, and are in no message.
//
// Errors of all: Unavailable, with the address and what S3 said; each request was tried a few times.
// Threads: all methods may be called from several.
class S3Bucket {
 public:
  struct Options {
    std::string address;   // s3://BUCKET or s3://BUCKET/PREFIX
    std::string endpoint;  // http://HOST:PORT or https://HOST:PORT of what speaks S3; empty: AWS
    std::string region;    // empty: the bucket's own, or us-east-1 with an endpoint
  };
  struct Object {
    std::string key;  // without the prefix
    std::int64_t size = 0;
  };

  // InvalidArgument: an option is not well formed, or there is no such bucket.
  static absl::StatusOr<std::unique_ptr<S3Bucket>> Open(const Options& options);
  ~S3Bucket();

  // In one request: the object is there whole, in place of an earlier one, or not at all.
  absl::Status Put(const std::string& key, std::string_view content);
  // What is there from `offset` on, at most `size` bytes. NotFound: there is no such object.
  absl::StatusOr<std::string> Get(const std::string& key, std::int64_t offset, std::int64_t size) const;
  // OK where it is not there.
  absl::Status Remove(const std::string& key);
  // Those directly under the prefix.
  absl::StatusOr<std::vector<Object>> List() const;

 private:
  struct Parts;
  explicit S3Bucket(std::unique_ptr<Parts> parts);
  absl::Status Failed(std::string_view what, std::string_view why) const;

  const std::unique_ptr<Parts> parts_;
};

}  // namespace lorasweep::doors
