#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/paths.h"

namespace lorasweep::testing {

// The archive that scripts/setup builds the parts of llama.cpp from; it also has real templates and vocabularies.
inline std::filesystem::path LlamaCppArchive() {
  const auto folder = CacheDir() / "downloads";
  if (std::filesystem::exists(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().filename().string().starts_with("llama_cpp_python-")) return entry.path();
    }
  }
  return folder / "llama_cpp_python-*.tar.gz";
}

// Unpacks vendor/llama.cpp/models/<pattern> of the archive into `folder`, without folders.
inline void UnpackLlamaCppModels(const std::string& pattern, const std::filesystem::path& folder) {
  const std::string command =
      absl::StrCat("tar xzf '", LlamaCppArchive().string(), "' -C '", folder.string(),
                   "' --transform 's#.*/##' --wildcards '*/vendor/llama.cpp/models/", pattern, "'");
  REQUIRE(std::system(command.c_str()) == 0);
}

}  // namespace lorasweep::testing
