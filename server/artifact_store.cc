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

ArtifactStore::Upload::Upload(ArtifactStore& store, const v1::BlobHeader& header)
    : store_(store),
      sha256_(header.sha256()),
      size_(header.size_bytes()),
      chunks_(header.chunks().begin(), header.chunks().end()),
      count_(static_cast<std::size_t>(
          std::max<std::int64_t>((size_ + proto::kBlobChunkBytes - 1) / proto::kBlobChunkBytes, 1))),
      announced_(!chunks_.empty()) {}

ArtifactStore::Upload::~Upload() {
  absl::MutexLock lock(&store_.mutex_);
  store_.reserved_ -= reserved_;
  for (const std::string& chunk : held_) {
    store_.index_.Release(chunk);
    store_.index_.Claim(chunk, store_.clock_.Steady());
  }
}

std::int64_t ArtifactStore::Upload::ChunkBytes(std::size_t place) const {
  return proto::BlobChunkBytes(size_, static_cast<std::int64_t>(place));
}

absl::Status ArtifactStore::Upload::Append(std::string_view data) {
  while (!data.empty()) {
    if (sent_ == missing_.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("more data than the missing chunks of the announced ", size_, " bytes"));
    }
    const auto wanted = static_cast<std::size_t>(ChunkBytes(static_cast<std::size_t>(missing_[sent_])));
    const std::string_view part = data.substr(0, wanted - data_.size());
    data_ += part;
    data.remove_prefix(part.size());
    if (data_.size() < wanted) continue;
    if (absl::Status finished = FinishChunk(); !finished.ok()) return finished;
  }
  return absl::OkStatus();
}

absl::Status ArtifactStore::Upload::FinishChunk() {
  if (absl::Status passed = PassHeld(); !passed.ok()) return passed;
  const std::string found = Sha256Hex(data_);
  // A file of one chunk is its own.
  const std::string& wanted = announced_ ? chunks_[place_] : count_ == 1 ? sha256_ : found;
  if (found != wanted) {
    return absl::InvalidArgumentError(
        absl::StrCat("the data of chunk ", place_, " has the SHA-256 ", found, ", announced was ", wanted));
  }
  if (!announced_) {
    chunks_.push_back(found);
    held_.push_back(found);
    absl::MutexLock lock(&store_.mutex_);
    store_.index_.Hold(found);
  }
  if (absl::Status put = store_.Put(found, data_, &reserved_); !put.ok()) return put;
  hash_.Update(data_);
  data_.clear();
  ++sent_;
  ++place_;
  return absl::OkStatus();
}

// Chunks up to the next one that is to come, or to the end, go from the store into the file's hash.
absl::Status ArtifactStore::Upload::PassHeld() {
  const std::size_t end = sent_ < missing_.size() ? static_cast<std::size_t>(missing_[sent_]) : count_;
  for (; place_ < end; ++place_) {
    const absl::StatusOr<std::string> data = store_.GetWhole(chunks_[place_], ChunkBytes(place_));
    if (absl::IsDataLoss(data.status()) || absl::IsNotFound(data.status())) {
      store_.Lost(chunks_[place_]);
      return absl::UnavailableError(absl::StrCat(std::string{data.status().message()}, "; it must be sent again"));
    }
    if (!data.ok()) return data.status();
    hash_.Update(*data);
  }
  return absl::OkStatus();
}

absl::Status ArtifactStore::Upload::Commit() {
  if (size_ == 0 && sent_ == 0) {
    if (absl::Status finished = FinishChunk(); !finished.ok()) return finished;
  }
  if (sent_ < missing_.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the data ends in chunk ", missing_[sent_], " of ", count_,
                                                   " of the announced ", size_, " bytes"));
  }
  if (absl::Status passed = PassHeld(); !passed.ok()) return passed;
  if (const std::string hex = hash_.Hex(); hex != sha256_) {
    return absl::InvalidArgumentError(absl::StrCat("the data has the SHA-256 ", hex, ", announced was ", sha256_));
  }
  absl::MutexLock lock(&store_.mutex_);
  store_.index_.Compose(sha256_, chunks_, store_.clock_.Steady());
  return absl::OkStatus();
}

ArtifactStore::Download::Download(const ArtifactStore& store, BlobIndex::File file, std::int64_t offset)
    : store_(store), file_(std::move(file)), offset_(offset) {}

ArtifactStore::Download::~Download() {
  absl::MutexLock lock(&store_.mutex_);
  for (const std::string& object : file_.objects) store_.index_.Release(object);
}

absl::StatusOr<std::string> ArtifactStore::Download::Next(std::size_t max_bytes) {
  if (used_ == data_.size() && offset_ < file_.size) {
    // An object of a file that is one may be larger than a chunk: an earlier version stored them so.
    const bool chunked = file_.objects.size() > 1;
    const std::int64_t place = chunked ? offset_ / proto::kBlobChunkBytes : 0;
    const std::int64_t skipped = offset_ - place * proto::kBlobChunkBytes * (chunked ? 1 : 0);
    const std::int64_t all = chunked ? proto::BlobChunkBytes(file_.size, place) : file_.size;
    const std::string& object = file_.objects[static_cast<std::size_t>(place)];
    absl::StatusOr<std::string> data =
        skipped == 0 && all <= proto::kBlobChunkBytes
            ? store_.GetWhole(object, all)
            : store_.objects_->Get(object, skipped, std::min(all - skipped, proto::kBlobChunkBytes));
    if (!data.ok()) return data.status();
    if (data->empty()) return absl::DataLossError(absl::StrCat("the file ", object, " is shorter than it was"));
    data_ = *std::move(data);
    used_ = 0;
    offset_ += static_cast<std::int64_t>(data_.size());
  }
  const std::string part = data_.substr(used_, max_bytes);
  used_ += part.size();
  return part;
}

}  // namespace lorasweep::server
