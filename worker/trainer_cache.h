#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "worker/trainer_factory.h"
#include "worker/trial_setup.h"

namespace lorasweep::worker {

// Trainers that stay in memory with their base model and data, so that the next trial starts at once. Holds the
// `capacity` trainers that were used last. Not thread safe.
class TrainerCache {
 public:
  // `factory` outlives the cache; capacity >= 1.
  TrainerCache(TrainerFactory& factory, std::size_t capacity) : factory_(factory), capacity_(capacity) {}

  // The trainer for a setup, loaded when it is not resident: for that, those that are used no more are let go first. A
  // data file that changed since it was read is read again. The trainer lives at least until the next Get.
  // Errors: the factory's.
  absl::StatusOr<trainer::Trainer*> Get(const TrialSetup& setup);
  // What the trainer that was got last trains on.
  const text::TokenizedData& data() const { return *residents_.front().data; }

 private:
  struct Resident {
    std::string key;
    std::shared_ptr<const text::TokenizedData> data;
    std::unique_ptr<trainer::Trainer> trainer;
  };

  TrainerFactory& factory_;
  const std::size_t capacity_;
  std::list<Resident> residents_;  // most recently used first
};

}  // namespace lorasweep::worker
