#pragma once

#include <filesystem>

#include "absl/status/statusor.h"

namespace lorasweep::cli {

// A fresh folder in the system's temporary one, for nobody else to read; removed with all in it when the object goes.
class TemporaryFolder {
 public:
  // Internal: it cannot be made.
  static absl::StatusOr<TemporaryFolder> Make();
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;  // empty: moved from
};

}  // namespace lorasweep::cli
