#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trainer_core/text/safetensors_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)lorasweep::text::ParseSafetensorsHeader(bytes, "model.safetensors");
  return 0;
}
