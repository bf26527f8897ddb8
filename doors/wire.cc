#include "doors/wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

namespace lorasweep::doors {

using google::protobuf::internal::WireFormatLite;

std::uint32_t Crc(std::uint32_t polynomial, std::string_view bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ polynomial : crc >> 1;
  }
  return ~crc;
}

template <typename Work>
Fields& Fields::Write(const Work& work) {
  google::protobuf::io::StringOutputStream stream(&text_);
  google::protobuf::io::CodedOutputStream out(&stream);
  work(out);
  return *this;
}

Fields& Fields::Double(int number, double value) {
  return Write([&](auto& out) { WireFormatLite::WriteDouble(number, value, &out); });
}

Fields& Fields::Float(int number, float value) {
  return Write([&](auto& out) { WireFormatLite::WriteFloat(number, value, &out); });
}

Fields& Fields::Integer(int number, std::int64_t value) {
  return Write([&](auto& out) { WireFormatLite::WriteInt64(number, value, &out); });
}

Fields& Fields::Bytes(int number, const std::string& value) {
  return Write([&](auto& out) { WireFormatLite::WriteBytes(number, value, &out); });
}

}  // namespace lorasweep::doors
