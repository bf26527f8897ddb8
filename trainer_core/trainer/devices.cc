#include "trainer_core/trainer/devices.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>

#include <ATen/Context.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {
namespace {

// The value of the first line of /proc/cpuinfo that begins with `key`.
std::string CpuInfo(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

// The CUDA driver's own C interface, taken from the driver at run time: naming a card needs no toolkit and no context.
class CudaDriver {
 public:
  CudaDriver() {
    library_ = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) return;
    const bool found = Find("cuInit", init_) && Find("cuDeviceGetName", name_) &&
                       Find("cuDeviceTotalMem_v2", memory_) && Find("cuDeviceGetAttribute", attribute_);
    usable_ = found && init_(0) == 0;
  }
  // The driver stays loaded: torch uses it too.
  ~CudaDriver() = default;
  CudaDriver(const CudaDriver&) = delete;
  CudaDriver& operator=(const CudaDriver&) = delete;

  void Describe(int index, DeviceInfo& info) const {
    if (!usable_) return;
    constexpr int kComputeCapabilityMajor = 75;
    constexpr int kAmpere = 8;
    std::array<char, 256> name{};
    if (name_(name.data(), static_cast<int>(name.size()) - 1, index) == 0) info.description = name.data();
    std::size_t bytes = 0;
    if (memory_(&bytes, index) == 0) info.memory_bytes = static_cast<std::int64_t>(bytes);
    int major = 0;
    if (attribute_(&major, kComputeCapabilityMajor, index) == 0) info.native_bf16 = major >= kAmpere;
  }

 private:
  template <typename Function>
  bool Find(const char* symbol, Function*& function) {
    function = reinterpret_cast<Function*>(dlsym(library_, symbol));
    return function != nullptr;
  }

  void* library_ = nullptr;
  bool usable_ = false;
  int (*init_)(unsigned) = nullptr;
  int (*name_)(char*, int, int) = nullptr;
  int (*memory_)(std::size_t*, int) = nullptr;
  int (*attribute_)(int*, int, int) = nullptr;
};

}  // namespace

std::int64_t CpuMemoryBytes() {
  std::int64_t bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  std::int64_t container = 0;
  if (std::string text; limit >> text && absl::SimpleAtoi(text, &container)) bytes = std::min(bytes, container);
  return bytes;
}

bool CpuHasBf16() {
  static const bool has = [] {
    const std::string flags = absl::StrCat(" ", CpuInfo("flags"), " ");
    return flags.find(" avx512_bf16 ") != std::string::npos || flags.find(" amx_bf16 ") != std::string::npos;
  }();
  return has;
}

std::vector<DeviceInfo> ListDevices() {
  const std::string processor = CpuInfo("model name");
  std::vector<DeviceInfo> devices = {{.name = "cpu",
                                      .description = processor.empty() ? "unknown processor" : processor,
                                      .memory_bytes = CpuMemoryBytes(),
                                      .native_bf16 = CpuHasBf16()}};
  if (!at::hasCUDA()) return devices;
  const CudaDriver driver;
  const int count = at::detail::getCUDAHooks().getNumGPUs();
  for (int index = 0; index < count; ++index) {
    DeviceInfo info{.name = absl::StrCat("cuda:", index), .description = "CUDA device"};
    driver.Describe(index, info);
    devices.push_back(std::move(info));
  }
  return devices;
}

absl::StatusOr<DeviceInfo> ChooseDevice(const std::string& wanted) {
  const std::vector<DeviceInfo> devices = ListDevices();
  if (wanted == "auto") return devices.size() > 1 ? devices[1] : devices[0];
  std::string names;
  for (const DeviceInfo& device : devices) {
    if (device.name == wanted) return device;
    absl::StrAppend(&names, ", ", device.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("device '", wanted, "' is not here; allowed are auto", names));
}

}  // namespace lorasweep::trainer
