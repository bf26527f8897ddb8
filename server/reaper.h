#pragma once

#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "server/coordinator.h"

namespace lorasweep::server {

// The threads that let time pass for the coordinator: one expires leases even when no worker is left to ask, another,
// which may take long, removes files that nothing names any more. They end with the object.
class Reaper {
 public:
  // Looks every `period`. Borrows the coordinator.
  Reaper(Coordinator& coordinator, absl::Duration period, LogSink log);
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

 private:
  absl::Notification stop_;
  std::thread expire_;
  std::thread collect_;
};

}  // namespace lorasweep::server
