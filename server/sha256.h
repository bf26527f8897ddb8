#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace lorasweep::server {

// SHA-256 of what was fed to it.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  void Update(std::string_view data);
  // Lower-case hex. Call once, last.
  std::string Hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view data);

// 64 lower-case hex digits?
bool IsSha256(std::string_view text);

}  // namespace lorasweep::server
