#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lorasweep::server {

// Contents by their SHA-256, each there whole or not at all: what an artifact store keeps its chunks in.
//
// Errors of all: Unavailable says what failed where; it may pass, and is no fault of whoever asks. None holds a secret.
// Threads: all methods may be called from several; none is called under a lock, as any may take long.
class ObjectStore {
 public:
  struct Object {
    std::string sha256;
    std::int64_t size = 0;
  };

  virtual ~ObjectStore() = default;
  // Returns when the content is stored to stay. Takes an earlier one's place.
  virtual absl::Status Put(const std::string& sha256, std::string_view content) = 0;
  // What is there from `offset` on, at most `size` bytes. NotFound: there is no such object.
  virtual absl::StatusOr<std::string> Get(const std::string& sha256, std::int64_t offset, std::int64_t size) const = 0;
  // OK where it is not there.
  virtual absl::Status Remove(const std::string& sha256) = 0;
  virtual absl::StatusOr<std::vector<Object>> List() const = 0;
  // Removes what broken writes left: before the first write, by whom the place belongs to, as another's that are under
  // way would break.
  virtual absl::Status RemoveBroken() = 0;
};

// Where a server keeps artifacts.
struct ArtifactPlace {
  std::string where = {};     // s3://BUCKET/PREFIX or a folder; empty: a folder of the state folder
  std::string endpoint = {};  // s3: URL of what speaks S3 instead of AWS
  std::string region = {};    // s3; empty: the bucket's own, or us-east-1 with an endpoint
};

// `state_artifacts`: the state folder's own. Makes a folder when it is missing; a bucket must be there.
// `identity`: of the state (StateFolder::Identity), which takes the place for itself: whatever its server does not name
// there, it removes. Empty: the place must be nobody's. nullopt: only to read. Nothing of another's is touched.
// Errors: InvalidArgument (no such place), Unavailable (S3 cannot be reached, or does not let us in),
// FailedPrecondition (it is another state's).
absl::StatusOr<std::unique_ptr<ObjectStore>> OpenObjects(const ArtifactPlace& place,
                                                         const std::filesystem::path& state_artifacts,
                                                         const std::optional<std::string>& identity);

// NotFound.
absl::Status NoSuchObject(const std::string& sha256);

}  // namespace lorasweep::server
