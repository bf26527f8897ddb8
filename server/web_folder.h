#pragma once

#include <filesystem>
#include <string_view>

namespace lorasweep::server {

// Where a page's files are, the dashboard's ("web") or the playground's: ../share/lorasweep/PAGE from the running
// program's folder, in the build folder as where it is installed. Empty when it was not built.
std::filesystem::path FindWebFolder(std::string_view page = "web");

}  // namespace lorasweep::server
