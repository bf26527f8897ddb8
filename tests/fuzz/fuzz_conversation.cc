#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trainer_core/chat/conversation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)lorasweep::chat::ParseConversation(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
