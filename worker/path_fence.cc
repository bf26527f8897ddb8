#include "worker/path_fence.h"

#include <algorithm>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace lorasweep::worker {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxEntries = 100'000;  // of a folder, a model's or an adapter's
constexpr std::string_view kJinja = ".jinja";

absl::Status Outside(const std::string& what, const fs::path& path) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": ", path.string(), " is outside of the folders that this worker reads (--root)"));
}

}  // namespace

absl::StatusOr<PathFence> PathFence::Around(const std::vector<fs::path>& roots) {
  PathFence fence;
  for (const fs::path& root : roots) {
    std::error_code error;
    fs::path canonical = fs::canonical(root, error);
    if (error || !fs::is_directory(canonical, error)) {
      return absl::InvalidArgumentError(absl::StrCat("--root: ", root.string(), " is no folder"));
    }
    fence.roots_.push_back(std::move(canonical));
  }
  return fence;
}

bool PathFence::Inside(const fs::path& path) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const fs::path& root) {
    return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
  });
}

absl::StatusOr<fs::path> PathFence::Admit(const std::string& what, const fs::path& path) const {
  if (open()) return path;
  std::error_code error;
  fs::path real = fs::canonical(path, error);
  if (error) {
    // What lies outside is not to be explored by its errors.
    const fs::path named = fs::weakly_canonical(path, error);
    if (error || !Inside(named)) return Outside(what, path);
    return absl::NotFoundError(absl::StrCat(what, ": ", path.string(), " is not there"));
  }
  if (!Inside(real)) return Outside(what, path);
  const fs::file_status status = fs::status(real, error);
  if (fs::is_regular_file(status)) return real;
  if (!fs::is_directory(status)) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": ", path.string(), " is neither a file nor a folder"));
  }
  int entries = 0;
  for (fs::recursive_directory_iterator entry(real, error), end; !error && entry != end; entry.increment(error)) {
    if (++entries > kMaxEntries) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": ", path.string(), " has more than ", kMaxEntries, " entries"));
    }
    if (!entry->is_symlink(error)) continue;
    // A link that leads nowhere cannot be read either.
    if (const fs::path target = fs::canonical(entry->path(), error); !error && !Inside(target)) {
      return Outside(what, entry->path());
    }
    error.clear();
  }
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": cannot read ", path.string(), ": ", error.message()));
  }
  return real;
}

absl::Status PathFence::AdmitText(const std::string& what, std::string* path) const {
  const absl::StatusOr<fs::path> admitted = Admit(what, *path);
  if (admitted.ok()) *path = admitted->string();
  return admitted.status();
}

absl::Status PathFence::Admit(v1::SweepSpec* spec) const {
  if (open()) return absl::OkStatus();
  v1::DataSpec& data = *spec->mutable_data();
  absl::Status status;
  for (std::string& file : *data.mutable_train()) status.Update(AdmitText("data.train", &file));
  if (data.validation().has_files()) {
    for (std::string& file : *data.mutable_validation()->mutable_files()->mutable_paths()) {
      status.Update(AdmitText("data.validation", &file));
    }
  }
  if (data.test().has_files()) {
    for (std::string& file : *data.mutable_test()->mutable_files()->mutable_paths()) {
      status.Update(AdmitText("data.test", &file));
    }
  }
  // Other words are names of templates that come with the program.
  if (data.chat_template().ends_with(kJinja)) {
    status.Update(AdmitText("data.chat_template", data.mutable_chat_template()));
  }
  if (!spec->training().adapter().empty()) {
    status.Update(AdmitText("training.adapter", spec->mutable_training()->mutable_adapter()));
  }
  return status;
}

}  // namespace lorasweep::worker
