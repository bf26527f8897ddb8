#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// GPT-2's alphabet: each byte as one printable character (byte 0x20 is "Ġ"), so that any bytes are a text.
namespace lorasweep::text {

// The character of a byte, as UTF-8.
std::string_view ByteLevelCharacter(std::uint8_t byte);
// The byte of a character, nothing for characters outside the alphabet.
std::optional<std::uint8_t> ByteLevelByte(char32_t character);

// GPT-2's expression that splits a text into words.
inline constexpr std::string_view kByteLevelRegex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace lorasweep::text
