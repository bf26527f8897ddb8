#include "worker/machine_meter.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

namespace lorasweep::worker {
namespace {

constexpr std::chrono::seconds kShortest{1};

std::string Content(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

MachineMeter::MachineMeter(std::unique_ptr<GpuMeter> gpu, std::filesystem::path proc)
    : gpu_(std::move(gpu)), proc_(std::move(proc)), ticks_(ReadTicks()) {}

std::optional<MachineMeter::Ticks> MachineMeter::ReadTicks() const {
  // user, nice, system, idle, iowait, irq, softirq, steal
  std::istringstream machine(Content(proc_ / "stat"));
  std::string word;
  Ticks ticks;
  machine >> word;
  for (int field = 0; field < 8; ++field) {
    double value = 0;
    if (!(machine >> value)) return std::nullopt;
    ticks.all += value;
    if (field != 3 && field != 4) ticks.busy += value;
  }
  // Behind the name in brackets, which may be anything, come the state, ten other fields, and then its times.
  const std::string own = Content(proc_ / "self" / "stat");
  const std::size_t behind_name = own.rfind(')');
  if (behind_name == std::string::npos) return std::nullopt;
  std::istringstream process(own.substr(behind_name + 1));
  for (int field = 0; field < 11; ++field) process >> word;
  double user = 0;
  double system = 0;
  if (!(process >> user >> system)) return std::nullopt;
  ticks.own = user + system;
  return ticks;
}

std::optional<v1::MachineUse> MachineMeter::Measure(std::chrono::steady_clock::time_point now) {
  if (now - last_ < kShortest) return std::nullopt;
  v1::MachineUse use;
  use.set_seconds(std::chrono::duration<double>(now - last_).count());
  const std::optional<Ticks> ticks = ReadTicks();
  if (ticks && ticks_ && ticks->all > ticks_->all) {
    const auto share = [&](double later, double earlier) {
      return std::clamp((later - earlier) / (ticks->all - ticks_->all), 0.0, 1.0);
    };
    use.set_cpu(share(ticks->busy, ticks_->busy));
    use.set_worker_cpu(share(ticks->own, ticks_->own));
  }
  last_ = now;
  ticks_ = ticks;

  std::int64_t pages = 0;
  std::istringstream memory(Content(proc_ / "self" / "statm"));
  if (memory >> pages >> pages) use.set_worker_bytes(pages * sysconf(_SC_PAGESIZE));
  std::string word;
  std::int64_t kibibytes = 0;
  std::istringstream machine(Content(proc_ / "meminfo"));
  if (machine >> word >> kibibytes && word == "MemTotal:") use.set_machine_bytes(kibibytes * 1024);
  if (gpu_ == nullptr) return use;
  if (const std::optional<GpuMeter::Use> gpu = gpu_->Measure()) {
    use.set_gpu(gpu->busy);
    use.set_gpu_used_bytes(gpu->used_bytes);
    use.set_gpu_bytes(gpu->bytes);
  }
  return use;
}

}  // namespace lorasweep::worker
