#include "trainer_core/gguf/model_folder.h"

#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;

constexpr int kImportVersion = 1;  // of what ImportGguf makes of a file
constexpr std::size_t kDigestDigits = 64;

// A digest of the file's content. Reading gigabytes takes its time, so it is kept beside the imports under the file's
// name, size and time of change.
absl::StatusOr<std::string> ContentDigest(const fs::path& gguf, const fs::path& imports) {
  std::error_code error;
  const fs::path whole = fs::canonical(gguf, error);
  if (error) return absl::NotFoundError(absl::StrCat(gguf.string(), ": ", error.message()));
  const auto size = fs::file_size(whole, error);
  const auto time = fs::last_write_time(whole, error);
  const std::string state = absl::StrCat(whole.string(), "\n", size, "\n", time.time_since_epoch().count());
  const fs::path note = imports / "digests" / text::Sha256Hex(state);
  if (absl::StatusOr<std::string> kept = text::ReadFile(note, kDigestDigits);
      kept.ok() && kept->size() == kDigestDigits) {
    return kept;
  }
  absl::StatusOr<std::string> digest = text::Sha256File(whole);
  if (!digest.ok()) return digest.status();
  // Without the note the digest is computed again: no reason to fail. A note half written has not its 64 digits.
  fs::create_directories(note.parent_path(), error);
  std::ofstream(note, std::ios::binary) << *digest;
  return digest;
}

}  // namespace

absl::StatusOr<fs::path> ModelFolder(const std::string& name, const text::ModelRoots& roots,
                                     const ImportProgress& progress) {
  absl::StatusOr<fs::path> path = text::ResolveModel(name, roots);
  std::error_code error;
  if (!path.ok() || path->extension() != ".gguf" || fs::is_directory(*path, error)) return path;
  const absl::StatusOr<std::string> digest = ContentDigest(*path, roots.imports);
  if (!digest.ok()) return digest.status();
  const fs::path folder =
      roots.imports / absl::StrCat(path->stem().string(), "-", kImportVersion, "-", digest->substr(0, 16));
  // Folders of imports appear whole.
  if (fs::exists(folder / "config.json", error)) return folder;
  const absl::Status imported = ImportGguf(*path, folder, progress);
  if (!imported.ok() && !fs::exists(folder / "config.json", error)) return imported;
  return folder;
}

}  // namespace lorasweep::gguf
