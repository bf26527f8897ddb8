#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace lorasweep::worker {

// How busy a GPU is, by NVIDIA's management library, which comes with the driver and is loaded when it is asked for.
// Not thread safe.
class GpuMeter {
 public:
  struct Use {
    double busy = 0;  // share of the last moments (1/6 to 1 s) in which it computed: 0 to 1
    std::int64_t used_bytes = 0;
    std::int64_t bytes = 0;
  };

  // `device` as torch names it: "cuda:1" counts among CUDA_VISIBLE_DEVICES, where that is set, whose numbers are taken
  // for those of the bus (CUDA_DEVICE_ORDER=PCI_BUS_ID). Null: no GPU, or none that can be measured.
  static std::unique_ptr<GpuMeter> Open(const std::string& device, const std::string& visible_devices,
                                        const char* library = "libnvidia-ml.so.1");
  ~GpuMeter();
  GpuMeter(const GpuMeter&) = delete;
  GpuMeter& operator=(const GpuMeter&) = delete;

  // Nothing: the driver does not tell (a part of a GPU, for instance).
  std::optional<Use> Measure();

 private:
  struct Library;
  explicit GpuMeter(std::unique_ptr<Library> library);

  std::unique_ptr<Library> library_;
};

}  // namespace lorasweep::worker
