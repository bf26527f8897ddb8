#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::server {

// What an artifact store holds, by SHA-256: objects, which are stored as they are, and files made of several objects,
// their chunks. Counts who wants each. What nobody wants is kept for a while, because a worker uploads an artifact
// chunk by chunk and file by file before it reports it. Times are Clock::Steady. Plain data without a lock: its owner
// guards it.
class BlobIndex {
 public:
  static constexpr absl::Duration kGrace = absl::Minutes(10);

  // What a file is made of: itself, or its chunks.
  struct File {
    std::int64_t size = 0;
    std::vector<std::string> objects;  // in order
  };

  // An object is stored. Wanted or not, it is kept for kGrace from `now`.
  void Put(const std::string& object, std::int64_t size, absl::Duration now);
  // An object is not there any more, whoever wants it.
  void Drop(const std::string& object);
  // `file` is made of these objects; nothing where it is known already. Kept for kGrace from `now`.
  void Compose(const std::string& file, const std::vector<std::string>& objects, absl::Duration now);
  // Keeps it, if it is known, for kGrace from `now`.
  void Claim(const std::string& blob, absl::Duration now);

  // nullopt: not all of it is there.
  std::optional<File> Find(const std::string& file) const;
  bool HasObject(const std::string& object) const;
  // Bytes of all objects.
  std::int64_t bytes() const { return bytes_; }

  // Someone wants the object, there or not, until as many calls of Release.
  void Hold(const std::string& object);
  void Release(const std::string& object);
  // The same for the files of an artifact. A file that is not known is made of the chunks that the artifact names.
  void Add(const v1::Artifact& artifact);
  void Release(const v1::Artifact& artifact);
  // No artifact wants anything; all that is there is kept for kGrace from `now`.
  void ForgetArtifacts(absl::Duration now);

  // Objects, and files of chunks, that nobody wants and whose grace is over.
  std::vector<std::string> Unwanted(absl::Duration now) const;
  // Forgets those of them that are still unwanted, and the chunks that only they had. Answers the objects among these,
  // with their sizes: whoever asks removes them.
  std::map<std::string, std::int64_t> Discard(const std::vector<std::string>& unwanted, absl::Duration now);

 private:
  struct Blob {
    std::int64_t size = -1;           // of an object that is there
    std::vector<std::string> chunks;  // of a file made of objects
    std::int64_t artifacts = 0;       // that name it
    std::int64_t holds = 0;           // by files made of it, and by uploads and downloads that run
    absl::Duration keep_until = -absl::InfiniteDuration();
  };
  static bool IsUnwanted(const Blob& blob, absl::Duration now) {
    return blob.artifacts <= 0 && blob.holds <= 0 && blob.keep_until <= now;
  }

  std::map<std::string, Blob> blobs_;
  std::int64_t bytes_ = 0;
};

}  // namespace lorasweep::server
