#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// SHA-256 (FIPS 180-4), piece by piece:
//
//   Sha256 hash;
//   hash.Update("abc");
//   std::string key = hash.HexDigest();
class Sha256 {
 public:
  Sha256();
  void Update(std::string_view bytes);
  // 64 lower-case hexadecimal digits of all bytes so far; more may follow.
  std::string HexDigest() const;

 private:
  void Compress(const std::uint8_t* block);

  std::array<std::uint32_t, 8> state_;
  std::array<std::uint8_t, 64> buffer_{};
  std::uint64_t length_ = 0;  // bytes
};

std::string Sha256Hex(std::string_view bytes);
// Of a file's content; NotFound or Internal with the file's name when it cannot be read.
absl::StatusOr<std::string> Sha256File(const std::filesystem::path& file);

}  // namespace lorasweep::text
