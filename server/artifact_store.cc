#include "server/artifact_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/blob_chunks.h"
#include "server/removal_lock.h"

namespace lorasweep::server {
namespace {

absl::Status CheckSha256(const std::string& sha256) {
  if (IsSha256(sha256)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("sha256 is \"", sha256.substr(0, 100), "\"; it must be 64 lower-case hex digits"));
}

absl::Status CheckHeader(const v1::BlobHeader& header) {
  if (absl::Status status = CheckSha256(header.sha256()); !status.ok()) return status;
  const std::int64_t size = header.size_bytes();
  if (size < 0) return absl::InvalidArgumentError(absl::StrCat("size_bytes is ", size));
  if (size > kMaxBlobBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a file of ", size, " bytes is too large; at most ", kMaxBlobBytes, " are taken"));
  }
  if (header.chunks().empty()) return absl::OkStatus();
  const std::int64_t chunks = (size + proto::kBlobChunkBytes - 1) / proto::kBlobChunkBytes;
  if (chunks < 2 || header.chunks_size() != chunks) {
    return absl::InvalidArgumentError(absl::StrCat(
        header.chunks_size(), " chunks are named; a file of ", size, " bytes has ",
        chunks < 2 ? std::string("none") : absl::StrCat(chunks), ", of ", proto::kBlobChunkBytes, " bytes each"));
  }
  for (const std::string& chunk : header.chunks()) {
    if (absl::Status status = CheckSha256(chunk); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

ArtifactStore::ArtifactStore(std::unique_ptr<ObjectStore> objects, std::filesystem::path lock_folder,
                             const Clock& clock, std::int64_t quota)
    : objects_(std::move(objects)), lock_folder_(std::move(lock_folder)), clock_(clock), quota_(quota) {}

absl::StatusOr<std::unique_ptr<ArtifactStore>> ArtifactStore::Open(std::unique_ptr<ObjectStore> objects,
                                                                   std::filesystem::path lock_folder,
                                                                   const Clock& clock, std::int64_t quota) {
  const absl::StatusOr<std::vector<ObjectStore::Object>> listed = objects->List();
  if (!listed.ok()) return listed.status();
  auto store =
      std::unique_ptr<ArtifactStore>(new ArtifactStore(std::move(objects), std::move(lock_folder), clock, quota));
  absl::MutexLock lock(&store->mutex_);
  for (const ObjectStore::Object& object : *listed) store->index_.Put(object.sha256, object.size, clock.Steady());
  return store;
}

bool ArtifactStore::Claim(const std::string& sha256) {
  absl::MutexLock lock(&mutex_);
  const std::optional<BlobIndex::File> file = index_.Find(sha256);
  if (file) index_.Claim(sha256, clock_.Steady());
  return file.has_value();
}

absl::StatusOr<std::unique_ptr<ArtifactStore::Upload>> ArtifactStore::Create(const v1::BlobHeader& header) {
  if (absl::Status status = CheckHeader(header); !status.ok()) return status;
  auto upload = std::unique_ptr<Upload>(new Upload(*this, header));
  absl::MutexLock lock(&mutex_);
  std::int64_t needed = upload->announced_ ? 0 : upload->size_;
  std::set<std::string> asked;
  for (std::size_t place = 0; place < upload->count_; ++place) {
    if (upload->announced_) {
      const std::string& chunk = upload->chunks_[place];
      if (index_.HasObject(chunk) || !asked.insert(chunk).second) continue;
      needed += upload->ChunkBytes(place);
    }
    upload->missing_.push_back(static_cast<std::int32_t>(place));
  }
  if (const std::int64_t taken = index_.bytes() + reserved_; quota_ > 0 && taken + needed > quota_) {
    return absl::ResourceExhaustedError(absl::StrCat("the artifacts take ", taken, " of ", quota_,
                                                     " bytes (--artifact-quota), and ", needed,
                                                     " more are too many; delete sweeps, or raise the quota"));
  }
  reserved_ += upload->reserved_ = needed;
  upload->held_ = upload->chunks_;
  for (const std::string& chunk : upload->held_) index_.Hold(chunk);
  return upload;
}

absl::StatusOr<std::unique_ptr<ArtifactStore::Download>> ArtifactStore::Read(const std::string& sha256,
                                                                             std::int64_t offset) const {
  if (absl::Status status = CheckSha256(sha256); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  std::optional<BlobIndex::File> file = index_.Find(sha256);
  if (!file) return NoSuchObject(sha256);
  if (offset < 0 || offset > file->size) {
    return absl::InvalidArgumentError(absl::StrCat("offset is ", offset, "; the file has ", file->size, " bytes"));
  }
  for (const std::string& object : file->objects) index_.Hold(object);
  return std::unique_ptr<Download>(new Download(*this, *std::move(file), offset));
}

absl::StatusOr<std::int64_t> ArtifactStore::Size(const std::string& sha256) const {
  if (absl::Status status = CheckSha256(sha256); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  const std::optional<BlobIndex::File> file = index_.Find(sha256);
  if (!file) return NoSuchObject(sha256);
  return file->size;
}

absl::Status ArtifactStore::Check(const v1::ArtifactFile& file) const {
  absl::MutexLock lock(&mutex_);
  std::optional<BlobIndex::File> found = index_.Find(file.sha256());
  if (!found && file.chunks_size() > 0) {
    // A server that restarted between upload and report knows the chunks only.
    found.emplace();
    for (int place = 0; place < file.chunks_size(); ++place) {
      const std::optional<BlobIndex::File> chunk = index_.Find(file.chunks(place));
      if (!chunk || chunk->size != proto::BlobChunkBytes(file.size_bytes(), place)) {
        return NoSuchObject(file.chunks(place));
      }
      found->size += chunk->size;
    }
  }
  if (!found) return NoSuchObject(file.sha256());
  if (found->size == file.size_bytes()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("size_bytes of ", file.path(), " is ", file.size_bytes(), "; the file has ", found->size));
}

v1::Artifact ArtifactStore::WithChunks(v1::Artifact artifact) const {
  absl::MutexLock lock(&mutex_);
  for (v1::ArtifactFile& file : *artifact.mutable_files()) {
    const std::optional<BlobIndex::File> found = index_.Find(file.sha256());
    if (!found) continue;
    file.clear_chunks();
    if (found->objects.size() > 1) *file.mutable_chunks() = {found->objects.begin(), found->objects.end()};
  }
  return artifact;
}

void ArtifactStore::Add(const v1::Artifact& artifact) {
  absl::MutexLock lock(&mutex_);
  index_.Add(artifact);
}

void ArtifactStore::Release(const v1::Artifact& artifact) {
  absl::MutexLock lock(&mutex_);
  index_.Release(artifact);
}

void ArtifactStore::ForgetArtifacts() {
  absl::MutexLock lock(&mutex_);
  index_.ForgetArtifacts(clock_.Steady());
}

std::vector<std::string> ArtifactStore::Unwanted() const {
  absl::MutexLock lock(&mutex_);
  return index_.Unwanted(clock_.Steady());
}

absl::Status ArtifactStore::Collect(const std::vector<std::string>& unwanted) {
  if (unwanted.empty()) return absl::OkStatus();
  const std::optional<RemovalLock> unkept = RemovalLock::MayRemove(lock_folder_);
  if (!unkept) return absl::OkStatus();
  std::map<std::string, std::int64_t> objects;
  {
    absl::MutexLock lock(&mutex_);
    objects = index_.Discard(unwanted, clock_.Steady());
    for (const auto& [sha256, size] : objects) removing_.insert(sha256);
  }
  absl::Status first;
  for (const auto& [sha256, size] : objects) {
    const absl::Status removed = objects_->Remove(sha256);
    first.Update(removed);
    absl::MutexLock lock(&mutex_);
    removing_.erase(sha256);
    if (!removed.ok()) index_.Put(sha256, size, clock_.Steady());
  }
  return first;
}

std::int64_t ArtifactStore::bytes() const {
  absl::MutexLock lock(&mutex_);
  return index_.bytes();
}

absl::Status ArtifactStore::Put(const std::string& sha256, std::string_view content, std::int64_t* reserved) {
  const auto size = static_cast<std::int64_t>(content.size());
  bool there = false;
  {
    absl::MutexLock lock(&mutex_);
    const auto is_settled = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !removing_.contains(sha256); };
    mutex_.Await(absl::Condition(&is_settled));
    there = index_.HasObject(sha256);
  }
  if (!there) {
    if (absl::Status put = objects_->Put(sha256, content); !put.ok()) return put;
  }
  absl::MutexLock lock(&mutex_);
  index_.Put(sha256, size, clock_.Steady());
  reserved_ -= size;
  *reserved -= size;
  return absl::OkStatus();
}

absl::StatusOr<std::string> ArtifactStore::GetWhole(const std::string& sha256, std::int64_t size) const {
  absl::StatusOr<std::string> data = objects_->Get(sha256, 0, size);
  if (data.ok() && (static_cast<std::int64_t>(data->size()) != size || Sha256Hex(*data) != sha256)) {
    return absl::DataLossError(absl::StrCat("the stored file with the SHA-256 ", sha256, " is damaged"));
  }
  return data;
}

void ArtifactStore::Lost(const std::string& sha256) {
  absl::MutexLock lock(&mutex_);
  index_.Drop(sha256);
}

}  // namespace lorasweep::server
