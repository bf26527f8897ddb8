#include "cli/signals.h"

#include <pthread.h>

#include <csignal>
#include <ctime>

namespace lorasweep::cli {
namespace {

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

Signals::Signals() {
  const sigset_t set = Watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader that went away (`| head`) shows as a failed write.
  std::signal(SIGPIPE, SIG_IGN);
}

Signals::~Signals() {
  while (Wait(std::chrono::milliseconds(0)) != 0) {
  }
  const sigset_t set = Watched();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

int Signals::Wait(std::chrono::milliseconds time) {
  const sigset_t set = Watched();
  const timespec limit = {static_cast<time_t>(time.count() / 1000), (time.count() % 1000) * 1'000'000};
  const int signal = sigtimedwait(&set, nullptr, &limit);
  return signal > 0 ? signal : 0;
}

}  // namespace lorasweep::cli
