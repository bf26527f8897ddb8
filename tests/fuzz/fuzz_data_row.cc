#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trainer_core/chat/data_row.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto row = lorasweep::chat::ParseRow(std::string_view(reinterpret_cast<const char*>(data), size));
  if (row.ok()) (void)lorasweep::chat::ContentDigest(*row);
  return 0;
}
