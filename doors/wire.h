#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// What other projects' files of records are made of: checksums, numbers, and protobuf messages whose .proto files are
// theirs.
namespace lorasweep::doors {

// A reflected CRC-32 with a polynomial of these (zlib's, and Castagnoli's). `before`: the CRC of the bytes in front.
inline constexpr std::uint32_t kCrc32 = 0xedb88320u;
inline constexpr std::uint32_t kCrc32c = 0x82f63b78u;
std::uint32_t Crc(std::uint32_t polynomial, std::string_view bytes, std::uint32_t before = 0);

template <typename T>
std::string LittleEndian(T value) {
  std::string bytes(sizeof(value), '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(value & 0xff);
    value = static_cast<T>(value >> 8);
  }
  return bytes;
}

// A message by its fields' numbers: Fields().Bytes(1, name).Double(2, value).text().
class Fields {
 public:
  Fields& Double(int number, double value);
  Fields& Float(int number, float value);
  Fields& Integer(int number, std::int64_t value);
  // A text, or a message that was made already.
  Fields& Bytes(int number, const std::string& value);
  const std::string& text() const { return text_; }

 private:
  template <typename Work>
  Fields& Write(const Work& work);

  std::string text_;
};

}  // namespace lorasweep::doors
