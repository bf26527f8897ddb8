#include "trainer_core/text/model_path.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/file.h"

namespace lorasweep::text {
namespace {

constexpr std::size_t kMostRefBytes = 1024;

std::string Variable(const std::function<const char*(const char*)>& get, const char* name) {
  const char* value = get(name);
  return value == nullptr ? "" : value;
}

bool IsModel(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return true;
  return path.extension() == ".gguf" && std::filesystem::is_regular_file(path, error);
}

// A name that can be looked up below a root: relative, and nowhere up.
bool IsPlainName(const std::filesystem::path& name) {
  return !name.empty() && name.is_relative() &&
         std::none_of(name.begin(), name.end(), [](const std::filesystem::path& part) { return part == ".."; });
}

// The only folder in `folder`, or an empty path.
std::filesystem::path OnlyFolder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::path only;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!only.empty()) return {};
    only = entry->path();
  }
  return IsModel(only) ? only : std::filesystem::path();
}

// The snapshot that refs/main names, else the only one, or an empty path.
std::filesystem::path HubSnapshot(const std::filesystem::path& folder) {
  absl::StatusOr<std::string> revision = ReadFile(folder / "refs" / "main", kMostRefBytes);
  if (!revision.ok()) return OnlyFolder(folder / "snapshots");
  revision->erase(std::remove_if(revision->begin(), revision->end(), [](char c) { return c == '\n' || c == '\r'; }),
                  revision->end());
  const std::filesystem::path snapshot = folder / "snapshots" / *revision;
  return IsPlainName(*revision) && IsModel(snapshot) ? snapshot : std::filesystem::path();
}

}  // namespace

ModelRoots ModelRoots::FromEnvironment(const std::function<const char*(const char*)>& get) {
  const std::filesystem::path cache = std::filesystem::path(Variable(get, "HOME")) / ".cache";
  ModelRoots roots;
  roots.models = Variable(get, "LORASWEEP_MODELS");
  if (roots.models.empty()) roots.models = cache / "lorasweep" / "models";
  roots.hub_cache = Variable(get, "HF_HUB_CACHE");
  if (roots.hub_cache.empty()) {
    const std::filesystem::path home = Variable(get, "HF_HOME");
    const std::filesystem::path shared = Variable(get, "XDG_CACHE_HOME");
    roots.hub_cache = (!home.empty() ? home : (shared.empty() ? cache : shared) / "huggingface") / "hub";
  }
  const std::filesystem::path own = Variable(get, "LORASWEEP_CACHE");
  roots.imports = (own.empty() ? cache / "lorasweep" : own) / "imports";
  return roots;
}

absl::StatusOr<std::filesystem::path> ResolveModel(const std::string& name, const ModelRoots& roots) {
  if (name.empty()) return absl::InvalidArgumentError("the model's name is empty");
  std::vector<std::filesystem::path> candidates{name};
  std::string folder = "models--" + name;
  if (IsPlainName(name)) {
    candidates.push_back(roots.models / name);
    candidates.push_back(roots.models / (name + ".gguf"));
    for (std::size_t at = folder.find('/'); at != std::string::npos; at = folder.find('/', at)) {
      folder.replace(at, 1, "--");
    }
  }
  std::string looked;
  for (const std::filesystem::path& candidate : candidates) {
    if (IsModel(candidate)) return candidate;
    absl::StrAppend(&looked, "\n  ", candidate.string());
  }
  if (IsPlainName(name)) {
    const std::filesystem::path hub = roots.hub_cache / folder;
    if (std::filesystem::path snapshot = HubSnapshot(hub); !snapshot.empty()) return snapshot;
    absl::StrAppend(&looked, "\n  ", hub.string(), " (Hugging Face cache)");
  }
  return absl::NotFoundError(absl::StrCat("no model \"", name, "\"; looked at", looked));
}

}  // namespace lorasweep::text
