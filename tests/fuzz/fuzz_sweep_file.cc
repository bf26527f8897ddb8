#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cli/sweep_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)lorasweep::cli::ParseSweepFile(std::string_view(reinterpret_cast<const char*>(data), size), "sweep.yaml");
  return 0;
}
