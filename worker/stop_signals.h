#pragma once

#include <signal.h>

#include <atomic>
#include <stop_token>
#include <thread>

namespace lorasweep::worker {

// SIGINT, SIGTERM and SIGHUP become a stop request; a second one ends the program at once. SIGPIPE is ignored. Made
// before any other thread, so that all inherit the blocked signals.
class StopSignals {
 public:
  // `what`: said in the log when the first signal comes.
  explicit StopSignals(const char* what);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  void Wait(const char* what);

  sigset_t signals_;
  std::stop_source source_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

}  // namespace lorasweep::worker
