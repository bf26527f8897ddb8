// Files on their way into an artifact store, and out of it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/blob_chunks.h"
#include "server/artifact_store.h"

namespace lorasweep::server {

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
