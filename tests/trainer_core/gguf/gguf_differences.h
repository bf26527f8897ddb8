#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lorasweep::testing {

// How two GGUF files differ, a line each, in order of names: "KEY: only in ours", "KEY: differs", "tensor NAME:
// differs".
std::vector<std::string> GgufDifferences(const std::filesystem::path& ours, const std::filesystem::path& theirs);

}  // namespace lorasweep::testing
