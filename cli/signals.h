#pragma once

#include <chrono>

namespace lorasweep::cli {

// Ctrl-C and its kin as something to look at instead of something that ends the program: SIGINT, SIGTERM and SIGHUP are
// blocked while one of these lives, in this thread and those it starts. Make it before any other thread.
class Signals {
 public:
  Signals();
  // Lets the signals act again; ones that came and were not taken are dropped.
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Waits up to `time` for one of the signals; its number, or 0.
  int Wait(std::chrono::milliseconds time);
};

}  // namespace lorasweep::cli
