#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

// Where tests find the project, its programs and real inputs.
namespace lorasweep::testing {

inline std::filesystem::path FromEnvironment(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : fallback;
}

inline std::filesystem::path SourceDir() {
  return FromEnvironment("LORASWEEP_SOURCE_DIR", ".");
}
inline std::filesystem::path BinDir() {
  return FromEnvironment("LORASWEEP_BIN_DIR", "build/dev/bin");
}
inline std::filesystem::path CacheDir() {
  return FromEnvironment("LORASWEEP_CACHE", ".cache");
}
// Real models, tokenizers and data beside the checkout; not part of the project.
inline std::filesystem::path SharedDir() {
  return SourceDir() / ".." / "shared";
}
// Python with transformers, peft, optuna, tokenizers: the references that exactness is tested against.
inline std::filesystem::path PeerPython() {
  return CacheDir() / "peers" / "bin" / "python";
}

// A new folder under the system's temporary one, removed with everything in it.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "lorasweep-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace lorasweep::testing

// Leaves the test with a clear word where a real input is missing.
#define LORASWEEP_NEEDS(needed)                                          \
  do {                                                                   \
    if (!std::filesystem::exists(needed)) {                              \
      WARN("skipped: needs " << std::filesystem::path(needed).string()); \
      return;                                                            \
    }                                                                    \
  } while (false)
