#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/sha256.h"

namespace lorasweep::server {

inline constexpr std::int64_t kMaxBlobBytes = std::int64_t{2} << 30;

// Files by the SHA-256 of their content: folder/ab/cd/abcd…. A file is there whole or not at all.
//
//   auto upload = store.Create(sha256, size);
//   (*upload)->Append(chunk) …;
//   (*upload)->Commit();
//
// Threads: all methods may be called from several; an upload belongs to one.
class ArtifactStore {
 public:
  // A file on its way in. Destroyed before Commit, it leaves nothing behind.
  class Upload {
   public:
    ~Upload();
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;
    // InvalidArgument: more than was announced. ResourceExhausted: the disk is full.
    absl::Status Append(std::string_view data);
    // Returns when the file is in its place and on disk. InvalidArgument: size or SHA-256 are not the announced ones.
    absl::Status Commit();

   private:
    friend class ArtifactStore;
    Upload(ArtifactStore& store, std::string sha256, std::int64_t size);

    ArtifactStore& store_;
    const std::string sha256_;
    const std::int64_t size_;
    std::filesystem::path temporary_;
    int file_ = -1;
    std::int64_t written_ = 0;
    Sha256 hash_;
  };

  // A file on its way out; goes on even when the file is removed meanwhile.
  class Download {
   public:
    ~Download();
    Download(const Download&) = delete;
    Download& operator=(const Download&) = delete;
    // The next bytes, at most max_bytes; empty at the end.
    absl::StatusOr<std::string> Next(std::size_t max_bytes);

   private:
    friend class ArtifactStore;
    explicit Download(int file) : file_(file) {}
    int file_;
  };

  // A lock on a store's folder, between processes: many may keep its files, or one may remove some.
  class Lock {
   public:
    Lock(Lock&& other) noexcept;
    Lock& operator=(Lock&&) = delete;
    ~Lock();

   private:
    friend class ArtifactStore;
    explicit Lock(int file) : file_(file) {}
    int file_;  // -1 when moved from
  };

  // Makes the folder when it is missing, and removes what broken uploads left. `quota`: bytes of all files together,
  // those on their way in included; 0: as many as the disk takes.
  static absl::StatusOr<std::unique_ptr<ArtifactStore>> Open(const std::filesystem::path& folder,
                                                             std::int64_t quota = 0);

  // To read another's folder: nothing is made, removed or counted.
  static std::unique_ptr<const ArtifactStore> At(const std::filesystem::path& folder);

  // InvalidArgument: sha256 is none. ResourceExhausted: size over kMaxBlobBytes, or the quota would be exceeded.
  absl::StatusOr<std::unique_ptr<Upload>> Create(const std::string& sha256, std::int64_t size);
  // NotFound. InvalidArgument: offset is not in [0, size].
  absl::StatusOr<std::unique_ptr<Download>> Read(const std::string& sha256, std::int64_t offset) const;
  // NotFound.
  absl::StatusOr<std::int64_t> Size(const std::string& sha256) const;
  // While it lives, nobody who asks MayRemove removes a file. Waits for one who does.
  absl::StatusOr<Lock> Keep() const;
  // To remove files under; nullopt: someone keeps them now, such as a backup.
  std::optional<Lock> MayRemove() const;
  // Does nothing when it is not there.
  void Remove(const std::string& sha256);
  // Bytes of all files.
  std::int64_t bytes() const { return bytes_; }
  // Addresses of all files.
  std::vector<std::string> List() const;

 private:
  ArtifactStore(std::filesystem::path folder, std::int64_t quota) : folder_(std::move(folder)), quota_(quota) {}
  std::filesystem::path PathOf(const std::string& sha256) const;
  std::filesystem::path Incoming() const { return folder_ / "incoming"; }

  const std::filesystem::path folder_;
  const std::int64_t quota_;
  std::atomic<std::int64_t> uploads_{0};  // names temporary files
  // Bytes of files, and of those on their way in as they were announced. A file that two uploads bring at the same
  // instant may count twice until the next start.
  std::atomic<std::int64_t> bytes_{0};
};

}  // namespace lorasweep::server
