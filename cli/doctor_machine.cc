#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/doctor_checks.h"
#include "cli/format.h"

namespace lorasweep::cli {
namespace {

constexpr double kGigabyte = 1e9;
constexpr std::int64_t kFewFiles = 1024;
constexpr int kOldestDriver = 525;  // of CUDA 12

std::string Bytes(std::int64_t count) {
  return FormatBytes(static_cast<double>(count));
}

std::string ValueOf(const Environment& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

}  // namespace

Check CheckCpu(const CpuFacts& cpu) {
  if (cpu.threads == 0) return {"cpu", CheckVerdict::kNote, "/proc/cpuinfo does not tell"};
  const std::string what =
      absl::StrCat(cpu.name.empty() ? "" : cpu.name + ", ", Plural(cpu.threads, "thread"),
                   cpu.native_bf16 ? ", bf16 in hardware" : ", no bf16 in hardware: precision auto is fp32");
  if (cpu.avx2 || !cpu.x86) return {"cpu", CheckVerdict::kGood, what};
  return {"cpu", CheckVerdict::kNote, absl::StrCat(what, ", no AVX2: several times slower"),
          "train on another machine; in a virtual one, let it have the host's processor (cpu type: host)"};
}

Check CheckThreads(const CpuLimits& limits, const Environment& environment) {
  const Check good{"threads", CheckVerdict::kGood, ""};
  const auto note = [&](const std::string& what, const std::string& fix) {
    return Check{good.name, CheckVerdict::kNote, what, fix};
  };
  // What a worker may really use at once.
  int usable = limits.allowed > 0 ? limits.allowed : limits.threads;
  if (limits.quota > 0) usable = std::min(usable, std::max(1, static_cast<int>(std::ceil(limits.quota))));
  const std::string omp = ValueOf(environment, "OMP_NUM_THREADS");
  int wanted = 0;
  if (!omp.empty() && (!absl::SimpleAtoi(omp.substr(0, omp.find(',')), &wanted) || wanted < 1)) {
    return note(absl::StrCat("OMP_NUM_THREADS is ", omp, ", which is no number of threads"),
                absl::StrCat("export OMP_NUM_THREADS=", usable, ", or unset it"));
  }
  if (wanted > usable) {
    return note(absl::StrCat("OMP_NUM_THREADS is ", wanted, ", but only ", Plural(usable, "thread"),
                             " can run at once: they would wait for each other"),
                absl::StrCat("export OMP_NUM_THREADS=", usable, ", or unset it"));
  }
  if (wanted == 1 && usable > 1) {
    return note(absl::StrCat("OMP_NUM_THREADS is 1: of ", Plural(usable, "thread"), " a worker uses one"),
                "unset OMP_NUM_THREADS");
  }
  if (wanted == 0 && limits.quota > 0 && usable < limits.allowed) {
    return note(absl::StrCat("the container gets the time of ", usable, " of ", limits.allowed,
                             " processors, but programs see all of them"),
                absl::StrCat("export OMP_NUM_THREADS=", usable));
  }
  for (const char* name : {"OMP_PROC_BIND", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}) {
    const std::string value = absl::AsciiStrToLower(ValueOf(environment, name));
    if (value.empty() || value == "false" || value == "disabled") continue;
    return note(absl::StrCat(name, " is set: several workers on this machine would share the same processors"),
                absl::StrCat("unset ", name));
  }
  return {good.name, good.verdict, absl::StrCat(Plural(wanted > 0 ? wanted : usable, "thread"), " for one worker")};
}

Check CheckMemory(const MemoryFacts& memory, const MemoryLimits& limits) {
  if (memory.total_bytes == 0) return {"memory", CheckVerdict::kNote, "/proc/meminfo does not tell"};
  std::int64_t free = memory.available_bytes;
  std::string what = absl::StrCat(Bytes(free), " free of ", Bytes(memory.total_bytes));
  if (limits.limit > 0 && limits.limit < memory.total_bytes) {
    free = std::min(free, std::max<std::int64_t>(0, limits.limit - limits.used));
    what = absl::StrCat(Bytes(free), " free of the ", Bytes(limits.limit), " that the container may use");
  }
  if (static_cast<double>(free) > kGigabyte) return {"memory", CheckVerdict::kGood, what};
  return {"memory", CheckVerdict::kNote, what,
          "close other programs, give the container more memory, or take a smaller model or quantization: nf4"};
}

Check CheckSwap(const MemoryFacts& memory) {
  const std::int64_t used = memory.swap_total_bytes - memory.swap_free_bytes;
  const std::string what =
      memory.swap_total_bytes == 0 ? "none" : absl::StrCat(Bytes(used), " used of ", Bytes(memory.swap_total_bytes));
  const bool pressed = static_cast<double>(used) > kGigabyte && memory.available_bytes < used;
  if (!pressed) return {"swap", CheckVerdict::kGood, what};
  return {"swap", CheckVerdict::kNote, absl::StrCat(what, ": memory is short, and training from swap hardly moves"),
          "close other programs, or train less at once (limits: {pack: 1}, micro_batch_size: 1)"};
}

Check CheckGpus(const GpuFacts& gpus, const Environment& environment) {
  if (gpus.count == 0) return {"gpu", CheckVerdict::kGood, "none; trials train on the CPU"};
  std::string what = Plural(gpus.count, "NVIDIA GPU");
  if (!gpus.driver.empty()) absl::StrAppend(&what, ", driver ", gpus.driver);
  const auto note = [&](const std::string& but, const std::string& fix) {
    return Check{"gpu", CheckVerdict::kNote, absl::StrCat(what, ", but ", but), fix};
  };
  if (!gpus.device_nodes) {
    return note("/dev/nvidiactl is not there: programs here cannot use them",
                "start the container with --gpus all (NVIDIA Container Toolkit), or run nvidia-smi once as root");
  }
  const auto visible = environment.find("CUDA_VISIBLE_DEVICES");
  if (visible != environment.end() && (visible->second.empty() || visible->second.starts_with("-"))) {
    return note("CUDA_VISIBLE_DEVICES hides all of them", "unset CUDA_VISIBLE_DEVICES, or name them: 0,1");
  }
  int major = 0;
  if (absl::SimpleAtoi(gpus.driver.substr(0, gpus.driver.find('.')), &major) && major < kOldestDriver) {
    return note(absl::StrCat("the driver is older than ", kOldestDriver, ", which CUDA 12 needs"),
                "install a newer NVIDIA driver");
  }
  return {"gpu", CheckVerdict::kGood, what};
}

Check CheckLibraries(const std::vector<std::string>& found, const Environment& environment) {
  if (!found.empty()) {
    return {"libraries", CheckVerdict::kNote,
            absl::StrCat("LD_LIBRARY_PATH puts others before the worker's own: ", absl::StrJoin(found, ", ")),
            "unset LD_LIBRARY_PATH, or take these folders out of it"};
  }
  const std::string preload = ValueOf(environment, "LD_PRELOAD");
  if (preload.find("torch") != std::string::npos || preload.find("omp") != std::string::npos) {
    return {"libraries", CheckVerdict::kNote, absl::StrCat("LD_PRELOAD brings ", preload, " into every program"),
            "unset LD_PRELOAD"};
  }
  return {"libraries", CheckVerdict::kGood, "nothing stands before the worker's own"};
}

Check CheckLocale(const Environment& environment) {
  std::string locale = ValueOf(environment, "LC_ALL");
  if (locale.empty()) locale = ValueOf(environment, "LC_CTYPE");
  if (locale.empty()) locale = ValueOf(environment, "LANG");
  const std::string lower = absl::AsciiStrToLower(locale);
  const bool utf8 = lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  if (utf8 || locale.empty()) return {"locale", CheckVerdict::kGood, locale.empty() ? "none set" : locale};
  return {"locale", CheckVerdict::kNote, absl::StrCat(locale, ": curves and marks may show as other signs"),
          "export LC_ALL=C.UTF-8"};
}

Check CheckOpenFiles(std::int64_t limit) {
  const std::string what = limit < 0 ? "no limit" : absl::StrCat(FormatCount(limit), " at once");
  if (limit < 0 || limit >= kFewFiles) return {"open files", CheckVerdict::kGood, what};
  return {"open files", CheckVerdict::kNote, absl::StrCat(what, ", too few for many workers and watchers"),
          "ulimit -n 65536"};
}

Check CheckClock(absl::Time now, absl::Time newest) {
  const std::string time = absl::FormatTime("%Y-%m-%d %H:%M UTC", now, absl::UTCTimeZone());
  if (now + absl::Hours(1) >= newest) return {"clock", CheckVerdict::kGood, time};
  return {"clock", CheckVerdict::kBad,
          absl::StrCat(time, ", which is before the programs here were built: TLS and tokens will not be believed"),
          "set the clock: timedatectl set-ntp true"};
}

}  // namespace lorasweep::cli
