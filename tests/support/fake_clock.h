#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/clock.h"

namespace lorasweep::testing {

// Stands still until it is told to go on.
class FakeClock : public server::Clock {
 public:
  absl::Time Now() const override {
    absl::MutexLock lock(&mutex_);
    return absl::FromUnixSeconds(1'800'000'000) + elapsed_ + jumped_;
  }
  absl::Duration Steady() const override {
    absl::MutexLock lock(&mutex_);
    return elapsed_;
  }
  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    elapsed_ += by;
  }
  // The time of day alone, as when somebody sets the machine's clock.
  void Jump(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    jumped_ += by;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Duration jumped_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  absl::Duration elapsed_ ABSL_GUARDED_BY(mutex_) = absl::Seconds(1);
};

}  // namespace lorasweep::testing
