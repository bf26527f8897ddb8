#include "cli/temporary_folder.h"

#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

namespace lorasweep::cli {

namespace fs = std::filesystem;

absl::StatusOr<TemporaryFolder> TemporaryFolder::Make() {
  std::error_code error;
  std::string pattern = (fs::temp_directory_path(error) / "lorasweep-XXXXXX").string();
  if (error || mkdtemp(pattern.data()) == nullptr) return absl::InternalError("cannot make a temporary folder");
  return TemporaryFolder(pattern);
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace lorasweep::cli
