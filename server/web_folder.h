#pragma once

#include <filesystem>

namespace lorasweep::server {

// Where the dashboard's files are: ../share/lorasweep/web from the running program's folder, in the build folder as
// where it is installed. Empty when it was not built.
std::filesystem::path FindWebFolder();

}  // namespace lorasweep::server
