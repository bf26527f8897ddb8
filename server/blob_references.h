#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::server {

// Counts which files of the artifact store are still wanted. A file that nobody wants is kept for a while, because a
// worker uploads the files of an artifact one by one before it reports the artifact. Times are Clock::Steady.
// Plain data without a lock: its owner guards it.
class BlobReferences {
 public:
  static constexpr absl::Duration kGrace = absl::Minutes(10);

  // A file is there: wanted or not, it is kept for kGrace from `now`.
  void Claim(const std::string& sha256, absl::Duration now);
  bool IsKnown(const std::string& sha256) const { return blobs_.contains(sha256); }

  void Add(const v1::Artifact& artifact);
  void Release(const v1::Artifact& artifact);

  // Files that nobody wants and whose grace is over; they are forgotten, the caller removes them.
  std::vector<std::string> Collect(absl::Duration now);

 private:
  struct Blob {
    std::int64_t references = 0;
    absl::Duration keep_until = -absl::InfiniteDuration();
  };
  std::map<std::string, Blob> blobs_;
};

}  // namespace lorasweep::server
