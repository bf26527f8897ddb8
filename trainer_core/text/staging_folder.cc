#include "trainer_core/text/staging_folder.h"

#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::text {

namespace fs = std::filesystem;

absl::StatusOr<StagingFolder> StagingFolder::Create(const fs::path& final_folder) {
  std::error_code error;
  if (fs::exists(final_folder, error) &&
      !(fs::is_directory(final_folder, error) && fs::is_empty(final_folder, error))) {
    return absl::AlreadyExistsError(absl::StrCat(final_folder.string(), " exists and is not an empty folder"));
  }
  fs::path target = fs::absolute(final_folder, error);
  if (!target.has_filename()) target = target.parent_path();  // "models/new/"
  fs::create_directories(target.parent_path(), error);
  std::string pattern = (target.parent_path() / absl::StrCat(".", target.filename().string(), ".XXXXXX")).string();
  if (error || mkdtemp(pattern.data()) == nullptr) {
    return absl::PermissionDeniedError(absl::StrCat("cannot create a folder in ", target.parent_path().string()));
  }
  return StagingFolder(pattern, target);
}

StagingFolder::StagingFolder(StagingFolder&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), target_(std::move(other.target_)) {}

StagingFolder::~StagingFolder() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

absl::Status StagingFolder::MoveIntoPlace() {
  std::error_code error;
  fs::permissions(folder_,
                  fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read |
                      fs::perms::others_exec,
                  error);
  fs::rename(folder_, target_, error);
  if (error) return absl::InternalError(absl::StrCat(target_.string(), ": ", error.message()));
  folder_.clear();
  return absl::OkStatus();
}

}  // namespace lorasweep::text
