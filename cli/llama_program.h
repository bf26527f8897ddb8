#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lorasweep::cli {

// A program of llama.cpp, "llama-bench" or "llama-server": `given`, else the one on the PATH, else the one that
// scripts/setup --NAME made. NotFound says how to get it; `given` comes from the option --NAME.
absl::StatusOr<std::filesystem::path> FindLlamaProgram(const std::string& name, const std::string& given);

// InvalidArgument where --type names none of gguf::ExportTypes, with those.
absl::Status CheckGgufType(const std::string& type);

}  // namespace lorasweep::cli
