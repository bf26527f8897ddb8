#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lorasweep::cli {

struct CpuFacts {
  std::string name;  // "AMD EPYC 9554"; empty when the system does not tell
  int threads = 0;
  bool native_bf16 = false;  // avx512_bf16 or amx_bf16: bf16 is faster than fp32 here
  bool avx2 = false;
  bool x86 = false;
};

// From the text of /proc/cpuinfo.
CpuFacts ParseCpuInfo(std::string_view cpuinfo);

struct MemoryFacts {
  std::int64_t total_bytes = 0;
  std::int64_t available_bytes = 0;
  std::int64_t swap_total_bytes = 0;
  std::int64_t swap_free_bytes = 0;
};

// From the text of /proc/meminfo; zeros where it does not tell.
MemoryFacts ParseMemInfo(std::string_view meminfo);

}  // namespace lorasweep::cli
