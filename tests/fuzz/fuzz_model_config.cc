#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trainer_core/text/model_config.h"

// config.json and generation_config.json, parted by a NUL.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t end = bytes.find('\0');
  const std::string_view generation = end == std::string_view::npos ? std::string_view() : bytes.substr(end + 1);
  (void)lorasweep::text::ParseModelConfig(bytes.substr(0, end), generation, "model");
  return 0;
}
