#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "trainer_core/chat/chat_template.h"

// A template that compiles must end, within its limits, on any conversation.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using lorasweep::chat::ChatTemplate;
  const std::map<std::string, std::string> special = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  const auto chat_template = ChatTemplate::Parse(std::string(reinterpret_cast<const char*>(data), size), special);
  if (!chat_template.ok()) return 0;
  const std::vector<lorasweep::chat::Message> messages = {
      {"system", "Be kind."}, {"user", "2 + 2?"}, {"assistant", "<think>easy</think>4"}, {"user", "3?"}};
  (void)chat_template->Render(messages, {.add_generation_prompt = true});
  return 0;
}
