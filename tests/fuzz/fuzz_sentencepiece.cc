#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trainer_core/gguf/sentencepiece.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)lorasweep::gguf::ReadSentencePieces({reinterpret_cast<const char*>(data), size}, "input");
  return 0;
}
