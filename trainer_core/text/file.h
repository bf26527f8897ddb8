#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lorasweep::text {

// The content of a regular file of at most `most` bytes. NotFound, or InvalidArgument when it is larger or no file, or
// Internal when reading fails; each names the file.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& file, std::size_t most);

// When a file counts as written: on the disk, or where other programs see it, though the machine's end would lose it.
// The latter is for files on their way to somewhere else.
enum class Durability { kOnDisk, kVisible };

// A file that appears whole or not at all. Written beside its place, then flushed to the disk and renamed:
//
//   absl::StatusOr<AtomicFile> out = AtomicFile::Create("config.json");
//   if (absl::Status status = out->Write(text.data(), text.size()); !status.ok()) return status;
//   return out->Commit();
//
// Without Commit nothing is left behind. One thread.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Create(const std::filesystem::path& file,
                                           Durability durability = Durability::kOnDisk);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) = delete;
  ~AtomicFile();

  absl::Status Write(const void* bytes, std::size_t size);
  // At most once, last.
  absl::Status Commit();

 private:
  AtomicFile(std::filesystem::path file, std::filesystem::path temporary, int descriptor, Durability durability);
  void Discard();

  std::filesystem::path file_;
  std::filesystem::path temporary_;
  int descriptor_;  // -1: committed or moved from
  Durability durability_;
};

// The same for a text that is there already.
absl::Status WriteFile(const std::filesystem::path& file, std::string_view text,
                       Durability durability = Durability::kOnDisk);

}  // namespace lorasweep::text
