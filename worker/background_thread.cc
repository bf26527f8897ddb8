#include "worker/background_thread.h"

#include <sys/resource.h>

namespace lorasweep::worker {
namespace {

constexpr int kNicer = 10;  // a tenth of a training thread's share where both want the processor

}  // namespace

void GiveWayToTraining() {
  // On Linux, "who" = 0 is the calling thread, not the process. Sums beyond the largest are the largest.
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + kNicer);
}

}  // namespace lorasweep::worker
