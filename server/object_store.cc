#include "server/object_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/local_objects.h"
#include "server/s3_objects.h"

namespace lorasweep::server {

namespace {

constexpr char kOwner[] = "owner";  // beside the objects, no name of one

absl::StatusOr<std::unique_ptr<ObjectStore>> Open(const ArtifactPlace& place) {
  if (place.where.starts_with("s3://")) {
    absl::StatusOr<std::unique_ptr<doors::S3Bucket>> bucket =
        doors::S3Bucket::Open({.address = place.where, .endpoint = place.endpoint, .region = place.region});
    if (!bucket.ok()) return bucket.status();
    return std::make_unique<S3Objects>(*std::move(bucket));
  }
  if (place.where.find("://") == std::string::npos) return LocalObjects::Open(place.where);
  return absl::InvalidArgumentError(
      absl::StrCat("--artifacts is \"", place.where.substr(0, 200), "\"; it must be s3://BUCKET/PREFIX or a folder"));
}

absl::Status Take(ObjectStore& objects, const std::string& where, const std::string& identity) {
  const absl::StatusOr<std::string> owner = objects.Get(kOwner, 0, 100);
  if (absl::IsNotFound(owner.status())) return identity.empty() ? absl::OkStatus() : objects.Put(kOwner, identity);
  if (!owner.ok() || *owner == identity) return owner.status();
  return absl::FailedPreconditionError(
      absl::StrCat("--artifacts: ", where,
                   " belongs to another server's state; name a place of its own, as each removes "
                   "what it does not know (if that state is gone for good, remove the place's content first)"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ObjectStore>> OpenObjects(const ArtifactPlace& place,
                                                         const std::filesystem::path& state_artifacts,
                                                         const std::optional<std::string>& identity) {
  absl::StatusOr<std::unique_ptr<ObjectStore>> objects =
      place.where.empty() ? LocalObjects::Open(state_artifacts) : Open(place);
  if (!objects.ok() || !identity) return objects;
  if (!place.where.empty()) {
    if (absl::Status taken = Take(**objects, place.where, *identity); !taken.ok()) return taken;
  }
  if (absl::Status removed = (*objects)->RemoveBroken(); !removed.ok()) return removed;
  return objects;
}

absl::Status NoSuchObject(const std::string& sha256) {
  return absl::NotFoundError(absl::StrCat("there is no file with the SHA-256 ", sha256));
}

}  // namespace lorasweep::server
