#include "server/web_folder.h"

namespace lorasweep::server {

std::filesystem::path FindWebFolder(std::string_view page) {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const std::filesystem::path folder = program.parent_path().parent_path() / "share" / "lorasweep" / page;
  return std::filesystem::is_regular_file(folder / "index.html", error) ? folder : std::filesystem::path();
}

}  // namespace lorasweep::server
