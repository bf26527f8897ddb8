#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// SHA-256 (FIPS 180-4), piece by piece; OpenSSL's, which uses what the processor has for it:
//
//   Sha256 hash;
//   hash.Update("abc");
//   std::string key = hash.HexDigest();
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void Update(std::string_view bytes);
  // 64 lower-case hexadecimal digits of all bytes so far; more may follow.
  std::string HexDigest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view bytes);
// Of a file's content; NotFound or Internal with the file's name when it cannot be read.
absl::StatusOr<std::string> Sha256File(const std::filesystem::path& file);

}  // namespace lorasweep::text
