#pragma once

#include <string_view>
#include <vector>

namespace lorasweep::cli {

// The texts of a file: separated by NUL bytes where there is one, else one a line. A separator at the end closes the
// last text and begins no empty one; a carriage return before a line's end is a part of the text.
std::vector<std::string_view> SplitTexts(std::string_view content);

}  // namespace lorasweep::cli
