#include "worker/gpu_meter.h"

#include <dlfcn.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace lorasweep::worker {
namespace {

// As nvml.h has them; 0 is success.
using Result = int;
using Device = void*;
struct Utilization {
  unsigned int gpu;  // percent
  unsigned int memory;
};
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

template <typename Function>
bool Find(void* library, const char* name, Function** function) {
  *function = reinterpret_cast<Function*>(dlsym(library, name));
  return *function != nullptr;
}

}  // namespace

struct GpuMeter::Library {
  void* handle = nullptr;
  Result (*shut_down)() = nullptr;
  Result (*utilization)(Device, Utilization*) = nullptr;
  Result (*memory)(Device, Memory*) = nullptr;
  Device device = nullptr;

  ~Library() {
    if (shut_down != nullptr) shut_down();
    if (handle != nullptr) dlclose(handle);
  }

  // Nothing else may be called before it; after it, shut_down belongs to it.
  bool Start(const char* name) {
    handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    Result (*initialize)() = nullptr;
    Result (*end)() = nullptr;
    if (handle == nullptr || !Find(handle, "nvmlInit_v2", &initialize) || !Find(handle, "nvmlShutdown", &end) ||
        !Find(handle, "nvmlDeviceGetUtilizationRates", &utilization) ||
        !Find(handle, "nvmlDeviceGetMemoryInfo", &memory) || initialize() != 0) {
      return false;
    }
    shut_down = end;
    return true;
  }

  // `name`: a number on the bus or a UUID.
  bool Choose(const std::string& name) {
    unsigned int index = 0;
    if (absl::SimpleAtoi(name, &index)) {
      Result (*by_index)(unsigned int, Device*) = nullptr;
      return Find(handle, "nvmlDeviceGetHandleByIndex_v2", &by_index) && by_index(index, &device) == 0;
    }
    Result (*by_uuid)(const char*, Device*) = nullptr;
    return Find(handle, "nvmlDeviceGetHandleByUUID", &by_uuid) && by_uuid(name.c_str(), &device) == 0;
  }
};

GpuMeter::GpuMeter(std::unique_ptr<Library> library) : library_(std::move(library)) {}
GpuMeter::~GpuMeter() = default;

std::unique_ptr<GpuMeter> GpuMeter::Open(const std::string& device, const std::string& visible_devices,
                                         const char* library) {
  constexpr std::string_view kPrefix = "cuda:";
  std::size_t number = 0;
  if (!device.starts_with(kPrefix) || !absl::SimpleAtoi(device.substr(kPrefix.size()), &number)) return nullptr;
  std::string name = std::to_string(number);
  if (!visible_devices.empty()) {
    const std::vector<std::string> visible = absl::StrSplit(visible_devices, ',');
    if (number >= visible.size()) return nullptr;
    name = std::string(absl::StripAsciiWhitespace(visible[number]));
  }
  auto loaded = std::make_unique<Library>();
  if (!loaded->Start(library) || !loaded->Choose(name)) return nullptr;
  return std::unique_ptr<GpuMeter>(new GpuMeter(std::move(loaded)));
}

std::optional<GpuMeter::Use> GpuMeter::Measure() {
  Utilization utilization{};
  Memory memory{};
  if (library_->utilization(library_->device, &utilization) != 0 || library_->memory(library_->device, &memory) != 0) {
    return std::nullopt;
  }
  return Use{.busy = std::min(1.0, utilization.gpu / 100.0),
             .used_bytes = static_cast<std::int64_t>(memory.used),
             .bytes = static_cast<std::int64_t>(memory.total)};
}

}  // namespace lorasweep::worker
