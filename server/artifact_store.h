#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "lorasweep/v1/worker_service.pb.h"
#include "server/blob_index.h"
#include "server/clock.h"
#include "server/object_store.h"
#include "server/sha256.h"

namespace lorasweep::server {

inline constexpr std::int64_t kMaxBlobBytes = std::int64_t{2} << 30;

// Files by the SHA-256 of their content, larger ones in chunks (proto/blob_chunks.h) that files may share. A file is
// there whole or not at all; chunks that an upload brought before it broke are kept for a while.
//
//   if (store.Claim(header.sha256())) return;            // it is there
//   auto upload = store.Create(header);
//   for each of (*upload)->missing(): (*upload)->Append(its data) …;
//   (*upload)->Commit();
//
// What nobody wants is removed by Collect, never what artifacts name, nor what an upload or a download that runs needs.
// Threads: all methods may be called from several; an upload or a download belongs to one, and ends before the store.
// Nothing is read or written under a lock.
class ArtifactStore {
 public:
  // A file on its way in.
  class Upload {
   public:
    ~Upload();
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;
    // Places of the chunks whose data is to be appended, in this order. Of a header without chunks: those of all.
    const std::vector<std::int32_t>& missing() const { return missing_; }
    // A chunk that is complete is stored to stay before this returns. InvalidArgument: more than was announced, or a
    // chunk is not the announced one. Unavailable: it cannot be stored, or what was there is damaged; ask again.
    absl::Status Append(std::string_view data);
    // The file is there to stay. InvalidArgument: size or SHA-256 are not the announced ones. Unavailable: as above.
    absl::Status Commit();

   private:
    friend class ArtifactStore;
    Upload(ArtifactStore& store, const v1::BlobHeader& header);
    std::int64_t ChunkBytes(std::size_t place) const;
    absl::Status FinishChunk();
    absl::Status PassHeld();

    ArtifactStore& store_;
    const std::string sha256_;
    const std::int64_t size_;
    std::vector<std::string> chunks_;  // of the header; else those of the data so far
    const std::size_t count_;          // of chunks
    const bool announced_;             // chunks came with the header
    std::vector<std::int32_t> missing_;
    std::size_t sent_ = 0;           // of missing_, those whose data has come
    std::size_t place_ = 0;          // of the chunk that comes next into hash_
    std::string data_;               // of the chunk that comes in
    std::int64_t reserved_ = 0;      // bytes of the quota
    std::vector<std::string> held_;  // kept from Collect
    Sha256 hash_;                    // of the file up to place_
  };

  // A file on its way out.
  class Download {
   public:
    ~Download();
    Download(const Download&) = delete;
    Download& operator=(const Download&) = delete;
    // The next bytes, at most max_bytes; empty at the end. DataLoss: what is stored is damaged.
    absl::StatusOr<std::string> Next(std::size_t max_bytes);

   private:
    friend class ArtifactStore;
    Download(const ArtifactStore& store, BlobIndex::File file, std::int64_t offset);

    const ArtifactStore& store_;
    const BlobIndex::File file_;
    std::int64_t offset_;  // of what comes next from the objects
    std::string data_;     // read, and not handed out before data_[used_]
    std::size_t used_ = 0;
  };

  // Reads what is there. `lock_folder` is there; others that want to keep files lock it (server/removal_lock.h).
  // `quota`: bytes of all chunks together, those on their way in included; 0: as many as there is room for.
  // `clock` outlives the store.
  static absl::StatusOr<std::unique_ptr<ArtifactStore>> Open(std::unique_ptr<ObjectStore> objects,
                                                             std::filesystem::path lock_folder, const Clock& clock,
                                                             std::int64_t quota = 0);

  // The file is there, and stays for BlobIndex::kGrace.
  bool Claim(const std::string& sha256);
  // InvalidArgument: the header is not well formed. ResourceExhausted: the file is over kMaxBlobBytes, or the quota
  // would be exceeded.
  absl::StatusOr<std::unique_ptr<Upload>> Create(const v1::BlobHeader& header);
  // NotFound. InvalidArgument: offset is not in [0, size].
  absl::StatusOr<std::unique_ptr<Download>> Read(const std::string& sha256, std::int64_t offset) const;
  // NotFound.
  absl::StatusOr<std::int64_t> Size(const std::string& sha256) const;
  // A file is there, or all chunks that its entry names, with its size. NotFound. InvalidArgument: another size.
  absl::Status Check(const v1::ArtifactFile& file) const;
  // The artifact, whose files were checked, with the chunks that they are made of here.
  v1::Artifact WithChunks(v1::Artifact artifact) const;

  // An artifact names its files from here on, or does not any more; an artifact may be added several times.
  void Add(const v1::Artifact& artifact);
  void Release(const v1::Artifact& artifact);
  // As if nothing had been added; what is there stays for BlobIndex::kGrace.
  void ForgetArtifacts();

  // What nobody wants, for Collect. Whoever let go of it makes sure first that it is on disk.
  std::vector<std::string> Unwanted() const;
  // Removes those of `unwanted` that nobody has come to want meanwhile, and the chunks that only they had. Nothing
  // while another process keeps them, such as a backup: the next call has them all. The first error, if any; what could
  // not be removed is tried again later.
  absl::Status Collect(const std::vector<std::string>& unwanted);

  // Bytes of all that is there.
  std::int64_t bytes() const;

 private:
  ArtifactStore(std::unique_ptr<ObjectStore> objects, std::filesystem::path lock_folder, const Clock& clock,
                std::int64_t quota);
  absl::Status Put(const std::string& sha256, std::string_view content, std::int64_t* reserved);
  absl::StatusOr<std::string> GetWhole(const std::string& sha256, std::int64_t size) const;
  void Lost(const std::string& sha256);

  const std::unique_ptr<ObjectStore> objects_;
  const std::filesystem::path lock_folder_;
  const Clock& clock_;
  const std::int64_t quota_;

  mutable absl::Mutex mutex_;
  mutable BlobIndex index_ ABSL_GUARDED_BY(mutex_);
  std::int64_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;       // bytes on their way in
  std::set<std::string> removing_ ABSL_GUARDED_BY(mutex_);  // not in the index any more, and not gone yet
};

}  // namespace lorasweep::server
