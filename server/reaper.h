#pragma once

#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "server/coordinator.h"

namespace lorasweep::server {

// The thread that lets time pass for the coordinator: it expires leases even when no worker is left to ask, and
// removes files that nothing names any more. Ends with the object.
class Reaper {
 public:
  // Looks every `period`. Borrows the coordinator.
  Reaper(Coordinator& coordinator, absl::Duration period, LogSink log);
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

 private:
  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace lorasweep::server
