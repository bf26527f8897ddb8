#pragma once

#include "absl/time/time.h"

namespace lorasweep::server {

// The coordinator's time. Threads: all methods may be called from several.
class Clock {
 public:
  virtual ~Clock() = default;
  // Time of day, for the timestamps that people read. May jump.
  virtual absl::Time Now() const = 0;
  // Time since some fixed moment, for measuring: never goes back, and stands still while the machine sleeps, so that
  // neither a corrected clock nor a closed laptop takes the leases away.
  virtual absl::Duration Steady() const = 0;
};

class SystemClock : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Steady() const override;
};

}  // namespace lorasweep::server
