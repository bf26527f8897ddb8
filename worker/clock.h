#pragma once

#include <chrono>
#include <stop_token>

namespace lorasweep::worker {

// Time as the worker sees it, an argument so that tests need not wait. Thread safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // For durations.
  virtual std::chrono::steady_clock::time_point Now() const = 0;
  // For people: when an observation was made.
  virtual std::chrono::system_clock::time_point WallNow() const = 0;
  // Waits. False: `stop` was requested before the time had passed.
  virtual bool Pause(std::chrono::milliseconds time, const std::stop_token& stop) = 0;
};

// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point Now() const override;
  std::chrono::system_clock::time_point WallNow() const override;
  bool Pause(std::chrono::milliseconds time, const std::stop_token& stop) override;
};

}  // namespace lorasweep::worker
