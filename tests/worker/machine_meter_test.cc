#include "worker/machine_meter.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

#include "tests/support/paths.h"

namespace lorasweep::worker {
namespace {

using std::chrono::seconds;

// A /proc of a machine with `busy` and `idle` ticks behind it, of which the process had `own`.
void Write(const std::filesystem::path& proc, int busy, int idle, int own) {
  std::filesystem::create_directories(proc / "self");
  std::ofstream(proc / "stat") << "cpu  " << busy - 30 << " 10 10 " << idle - 5 << " 5 4 3 3 0 0\ncpu0 1 2 3\n";
  std::ofstream(proc / "self" / "stat") << "42 (a (strange) name) R 1 1 1 0 -1 0 0 0 0 0 " << own - 1 << " 1 0 0\n";
  std::ofstream(proc / "self" / "statm") << "1000 50 3 4\n";
  std::ofstream(proc / "meminfo") << "MemTotal:       2048 kB\nMemFree: 1 kB\n";
}

TEST_CASE("What a machine and the worker on it did between two looks is shares of all its processors", "[worker]") {
  const testing::TempDir folder;
  Write(folder.path(), 1000, 5000, 100);
  MachineMeter meter(nullptr, folder.path());
  const auto start = std::chrono::steady_clock::now();
  Write(folder.path(), 1300, 5100, 200);
  CHECK(!meter.Measure(start + std::chrono::milliseconds{500}));
  const std::optional<v1::MachineUse> use = meter.Measure(start + seconds{4});
  REQUIRE(use.has_value());
  CHECK(use->seconds() == Approx(4).margin(0.5));
  CHECK(use->cpu() == Approx(0.75));
  CHECK(use->worker_cpu() == Approx(0.25));
  CHECK(use->worker_bytes() == 50 * sysconf(_SC_PAGESIZE));
  CHECK(use->machine_bytes() == 2 << 20);
  CHECK(!use->has_gpu());
  CHECK(!meter.Measure(start + seconds{8})->has_cpu());  // no tick has passed since
}

TEST_CASE("What cannot be read is left out, and the real machine can be", "[worker]") {
  const testing::TempDir folder;
  MachineMeter blind(nullptr, folder.path());
  const auto later = std::chrono::steady_clock::now() + seconds{2};
  const std::optional<v1::MachineUse> use = blind.Measure(later);
  REQUIRE(use.has_value());
  CHECK(!use->has_cpu());
  CHECK(!use->has_worker_bytes());
  MachineMeter meter(nullptr);
  CHECK(meter.Measure(later)->worker_bytes() > 1 << 20);
}

TEST_CASE("A GPU is measured through the driver's library, by its place among those that are visible", "[worker]") {
  const char* library = FAKE_NVML;
  CHECK(GpuMeter::Open("cpu", "", library) == nullptr);
  CHECK(GpuMeter::Open("cuda:0", "", "libno-such-driver.so.1") == nullptr);
  CHECK(GpuMeter::Open("cuda:2", "", library) == nullptr);
  CHECK(GpuMeter::Open("cuda:1", "0", library) == nullptr);
  CHECK(GpuMeter::Open("cuda:0", "", library)->Measure()->busy == Approx(0.4));
  CHECK(GpuMeter::Open("cuda:1", "", library)->Measure()->busy == Approx(0.9));
  CHECK(GpuMeter::Open("cuda:0", "1, 0", library)->Measure()->busy == Approx(0.9));
  CHECK(GpuMeter::Open("cuda:0", "GPU-8a3f", library)->Measure()->busy == Approx(0.9));
  MachineMeter meter(GpuMeter::Open("cuda:0", "", library));
  const auto use = meter.Measure(std::chrono::steady_clock::now() + seconds{2});
  CHECK(use->gpu() == Approx(0.4));
  CHECK(use->gpu_used_bytes() == 700);
  CHECK(use->gpu_bytes() == 1000);
}

}  // namespace
}  // namespace lorasweep::worker
