#include "worker/background_thread.h"

#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "catch2/catch.hpp"

namespace lorasweep::worker {
namespace {

int Niceness() {
  return getpriority(PRIO_PROCESS, 0);  // on Linux, the calling thread's
}

TEST_CASE("A thread in the background gives way to those that train, which keep their share") {
  const int before = Niceness();
  int inside = before;
  int of_its_own = before;
  std::thread([&] {
    GiveWayToTraining();
    inside = Niceness();
    std::thread([&] { of_its_own = Niceness(); }).join();
  }).join();
  CHECK(inside == std::min(before + 10, 19));
  CHECK(of_its_own == inside);
  CHECK(Niceness() == before);
}

}  // namespace
}  // namespace lorasweep::worker
