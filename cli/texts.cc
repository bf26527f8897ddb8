#include "cli/texts.h"

namespace lorasweep::cli {

std::vector<std::string_view> SplitTexts(std::string_view content) {
  const char separator = content.find('\0') != std::string_view::npos ? '\0' : '\n';
  std::vector<std::string_view> texts;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = content.find(separator, begin);
    texts.push_back(content.substr(begin, end - begin));
    if (end == std::string_view::npos) break;
    begin = end + 1;
  }
  return texts;
}

}  // namespace lorasweep::cli
