#include "worker/stop_signals.h"

#include <pthread.h>

#include <cstdlib>

#include "spdlog/spdlog.h"

namespace lorasweep::worker {

StopSignals::StopSignals(const char* what) {
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::thread([this, what] { Wait(what); });
}

StopSignals::~StopSignals() {
  done_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

void StopSignals::Wait(const char* what) {
  int number = 0;
  while (sigwait(&signals_, &number) == 0 && !done_) {
    if (source_.stop_requested()) std::_Exit(128 + number);
    spdlog::info("{}", what);
    source_.request_stop();
  }
}

}  // namespace lorasweep::worker
