#include "cli/llama_program.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "proto/spelling.h"
#include "trainer_core/gguf/export.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

bool CanRun(const fs::path& file) {
  std::error_code error;
  return fs::is_regular_file(file, error) && access(file.c_str(), X_OK) == 0;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

absl::StatusOr<fs::path> FindLlamaProgram(const std::string& name, const std::string& given) {
  if (!given.empty()) {
    if (CanRun(given)) return fs::path(given);
    return absl::NotFoundError(absl::StrCat("--", name, " ", given, ": no program that can be run"));
  }
  for (const auto folder : absl::StrSplit(Variable("PATH"), ':', absl::SkipEmpty())) {
    if (const fs::path file = fs::path(std::string(folder)) / name; CanRun(file)) return file;
  }
  const std::string cache = Variable("LORASWEEP_CACHE");
  const fs::path own =
      (cache.empty() ? fs::path(Variable("HOME")) / ".cache/lorasweep" : fs::path(cache)) / "bin" / name;
  if (CanRun(own)) return own;
  return absl::NotFoundError(absl::StrCat(
      name, " of llama.cpp is neither on the PATH nor ", own.string(),
      "; get llama.cpp (brew install llama.cpp, or a release of github.com/ggml-org/llama.cpp), let `scripts/setup --",
      name, "` build it, or say with --", name, " where it is"));
}

absl::Status CheckGgufType(const std::string& type) {
  const std::vector<std::string> known = gguf::ExportTypes();
  if (std::find(known.begin(), known.end(), type) != known.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--type ", type, " is not known", proto::DidYouMean(type, known),
                                                 " (one of ", absl::StrJoin(known, ", "), ")"));
}

}  // namespace lorasweep::cli
