#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trainer_core/text/tokenizer.h"

// A tokenizer that can be read must encode and decode any text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = lorasweep::text::Tokenizer::Parse(json, "tokenizer.json");
  if (!tokenizer.ok()) return 0;
  const std::string_view text = json.substr(size - size / 8);
  const auto tokens = tokenizer->Encode("Hello  world 123 \xE4\xBD\xA0\xE5\xA5\xBD<s> ");
  (void)tokenizer->Decode(tokens);
  (void)tokenizer->Decode(tokenizer->Encode(text));
  return 0;
}
