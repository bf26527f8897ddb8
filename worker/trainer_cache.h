#pragma once

#include <cstddef>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "worker/trainer_factory.h"
#include "worker/trial_setup.h"

namespace lorasweep::worker {

struct TrainerCacheOptions {
  std::size_t capacity = 1;  // trainers in memory, at least 1
  bool hash_bases = false;   // for base_sha256()
};

// Trainers that stay in memory with their base model and data, so that the next trial starts at once. Holds those that
// were used last. Not thread safe.
class TrainerCache {
 public:
  // `factory` outlives the cache.
  TrainerCache(TrainerFactory& factory, TrainerCacheOptions options) : factory_(factory), options_(options) {}

  // The trainer for a setup, loaded when it is not resident: for that, those that are used no more are let go first. A
  // file of the data or the model that changed since it was read is read again. The trainer lives at least until the
  // next Get. Errors: the factory's.
  absl::StatusOr<trainer::Trainer*> Get(const TrialSetup& setup);
  // The content hash of the base model that the last Get was for, also where it failed. A thread of its own computes it
  // while the trainer is loaded, once for the files as they are; waits for that. Errors: the factory's.
  absl::StatusOr<std::string> base_sha256();
  // What the trainer that was got last trains on.
  const text::TokenizedData& data() const { return *residents_.front().data; }

 private:
  struct Resident {
    std::string key;
    std::shared_ptr<const text::TokenizedData> data;
    std::unique_ptr<trainer::Trainer> trainer;
  };

  TrainerFactory& factory_;
  const TrainerCacheOptions options_;
  absl::StatusOr<std::string> base_;                                               // of the last Get: key in hashes_
  std::list<Resident> residents_;                                                  // most recently used first
  std::map<std::string, std::shared_future<absl::StatusOr<std::string>>> hashes_;  // by folder and state of its files
};

}  // namespace lorasweep::worker
