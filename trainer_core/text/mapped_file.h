#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// A file in memory, read-only. What it shows stays as it is when another file takes the name.
class MappedFile {
 public:
  // NotFound, InvalidArgument (no regular file) or Internal; each names the file. Shared, because whoever holds a part
  // of its bytes keeps it.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::filesystem::path& file);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {address_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(address_), size_}; }

 private:
  MappedFile(const std::byte* address, std::size_t size) : address_(address), size_(size) {}

  const std::byte* address_;
  std::size_t size_;
};

}  // namespace lorasweep::text
