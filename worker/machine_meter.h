#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "lorasweep/v1/sweep.pb.h"
#include "worker/gpu_meter.h"

namespace lorasweep::worker {

// How busy this machine and this process are, from Linux' /proc, and the worker's GPU. What cannot be read is left out
// of the result. Not thread safe.
class MachineMeter {
 public:
  // `gpu` may be null: it is not told. `proc`: for tests.
  explicit MachineMeter(std::unique_ptr<GpuMeter> gpu, std::filesystem::path proc = "/proc");

  // Over the time since the last result, or since the meter was made. Nothing: less than a second has passed.
  std::optional<v1::MachineUse> Measure(std::chrono::steady_clock::time_point now);

 private:
  // Time of processors since the machine started, in ticks.
  struct Ticks {
    double all = 0;
    double busy = 0;
    double own = 0;  // this process's
  };

  std::optional<Ticks> ReadTicks() const;

  const std::unique_ptr<GpuMeter> gpu_;
  const std::filesystem::path proc_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::optional<Ticks> ticks_;  // at last_
};

}  // namespace lorasweep::worker
