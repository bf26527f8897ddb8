#include "trainer_core/text/byte_level.h"

#include <array>

#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

// Bytes outside the printable part of Latin-1 get the characters from U+0100 on, in order.
constexpr char32_t kFirstSubstitute = 0x100;
constexpr int kSubstitutes = 68;

bool IsPrintable(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

struct Alphabet {
  Alphabet() {
    char32_t next = kFirstSubstitute;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t character = IsPrintable(byte) ? static_cast<char32_t>(byte) : next++;
      AppendUtf8(character, characters[static_cast<std::size_t>(byte)]);
      bytes[character] = byte;
    }
  }

  std::array<std::string, 256> characters;
  std::array<int, kFirstSubstitute + kSubstitutes> bytes = [] {
    std::array<int, kFirstSubstitute + kSubstitutes> none{};
    none.fill(-1);
    return none;
  }();
};

const Alphabet& TheAlphabet() {
  static const Alphabet alphabet;
  return alphabet;
}

}  // namespace

std::string_view ByteLevelCharacter(std::uint8_t byte) {
  return TheAlphabet().characters[byte];
}

std::optional<std::uint8_t> ByteLevelByte(char32_t character) {
  const Alphabet& alphabet = TheAlphabet();
  if (character >= alphabet.bytes.size() || alphabet.bytes[character] < 0) return std::nullopt;
  return static_cast<std::uint8_t>(alphabet.bytes[character]);
}

}  // namespace lorasweep::text
