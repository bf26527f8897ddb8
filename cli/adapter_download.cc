#include "cli/adapter_download.h"

#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::cli {
namespace {

constexpr int kTries = 5;

// A folder that is removed again unless it was renamed to its place.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

absl::Status CannotWrite(const std::filesystem::path& path, const std::string& why) {
  return absl::InternalError(absl::StrCat("cannot write ", path.string(), ": ", why));
}

absl::Status DownloadFile(Client& client, const v1::ArtifactFile& file, const std::filesystem::path& path,
                          const std::function<void(std::int64_t)>& on_bytes) {
  std::ofstream out(path, std::ios::binary);
  text::Sha256 hash;
  std::int64_t written = 0;
  absl::Status status;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    status = client.DownloadBlob(file.sha256(), written, [&](std::string_view data) {
      if (written + static_cast<std::int64_t>(data.size()) > file.size_bytes()) {
        return absl::DataLossError(absl::StrCat(file.path(), " is longer than the server said"));
      }
      out.write(data.data(), static_cast<std::streamsize>(data.size()));
      if (!out) return CannotWrite(path, "is the disk full?");
      hash.Update(data);
      written += static_cast<std::int64_t>(data.size());
      on_bytes(static_cast<std::int64_t>(data.size()));
      return absl::OkStatus();
    });
    if (!absl::IsUnavailable(status)) break;
  }
  if (!status.ok()) return status;
  out.close();
  if (!out) return CannotWrite(path, "is the disk full?");
  if (written != file.size_bytes() || hash.HexDigest() != file.sha256()) {
    return absl::DataLossError(absl::StrCat(file.path(), " arrived damaged: its SHA-256 is not ", file.sha256()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Artifact> AdapterOf(const v1::Trial& trial) {
  const v1::Artifact* latest = nullptr;
  for (const v1::Artifact& artifact : trial.artifacts()) {
    if (artifact.kind() == "adapter" && (latest == nullptr || artifact.step() >= latest->step())) latest = &artifact;
  }
  if (latest != nullptr) return *latest;
  return absl::NotFoundError(absl::StrCat("trial ", trial.number(), " has no adapter; it is ",
                                          std::string(StateWord(trial.state())),
                                          trial.outcome_reason().empty() ? "" : ": ", trial.outcome_reason()));
}

bool HoldsArtifact(const v1::Artifact& artifact, const std::filesystem::path& folder) {
  for (const v1::ArtifactFile& file : artifact.files()) {
    const auto digest = text::Sha256File(folder / file.path());
    if (!digest.ok() || *digest != file.sha256()) return false;
  }
  std::error_code error;
  std::ptrdiff_t entries = 0;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) ++entries;
  return !error && entries == artifact.files_size();
}

absl::Status DownloadArtifact(Client& client, const v1::Artifact& artifact, const std::filesystem::path& out,
                              const DownloadProgress& progress) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(out, error))) {
    return absl::AlreadyExistsError(absl::StrCat(out.string(), " exists already; nothing was written"));
  }
  const std::filesystem::path target = std::filesystem::absolute(out, error).lexically_normal();
  const std::filesystem::path parent = (target.has_filename() ? target : target.parent_path()).parent_path();
  std::filesystem::create_directories(parent, error);
  const TemporaryFolder temporary(parent / absl::StrCat(".lorasweep-download-", getpid()));
  std::filesystem::create_directory(temporary.path(), error);
  if (error) return CannotWrite(temporary.path(), error.message());

  std::int64_t total = 0;
  std::int64_t done = 0;
  for (const v1::ArtifactFile& file : artifact.files()) total += file.size_bytes();
  for (const v1::ArtifactFile& file : artifact.files()) {
    // Names come from the network: only plain ones, so that nothing lands outside the folder.
    if (file.path().empty() || file.path().find('/') != std::string::npos || file.path()[0] == '.') {
      return absl::DataLossError(
          absl::StrCat("the server named a file '", file.path(), "', which is no plain file name"));
    }
    const absl::Status status = DownloadFile(client, file, temporary.path() / file.path(), [&](std::int64_t bytes) {
      done += bytes;
      if (progress) progress(done, total);
    });
    if (!status.ok()) return status;
  }
  std::filesystem::rename(temporary.path(), target.has_filename() ? target : target.parent_path(), error);
  if (error) return CannotWrite(out, error.message());
  return absl::OkStatus();
}

}  // namespace lorasweep::cli
