#include "cli/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace lorasweep::cli {

std::string Sparkline(std::span<const double> values, std::size_t width) {
  static constexpr std::array<const char*, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (values.empty() || width == 0) return "";
  std::vector<double> shown;
  const std::size_t count = std::min(width, values.size());
  for (std::size_t i = 0; i < count; ++i) shown.push_back(values[(i + 1) * values.size() / count - 1]);

  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : shown) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  std::string line;
  for (const double value : shown) {
    if (!std::isfinite(value)) {
      line += "×";
    } else if (!(high > low)) {
      line += kBars[3];
    } else {
      // Halved, so that the range of the largest doubles does not overflow.
      const double share = (value / 2 - low / 2) / (high / 2 - low / 2);
      line += kBars[std::min<std::size_t>(7, static_cast<std::size_t>(share * 8))];
    }
  }
  return line;
}

std::string ProgressBar(double share, std::size_t width) {
  share = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0;
  const auto halves = static_cast<std::size_t>(std::floor(share * 2 * static_cast<double>(width) + 1e-9));
  std::string bar;
  for (std::size_t i = 0; i < width; ++i) {
    if (2 * i + 2 <= halves) {
      bar += "━";
    } else if (2 * i + 1 <= halves) {
      bar += "╸";
    } else {
      bar += "─";
    }
  }
  return bar;
}

}  // namespace lorasweep::cli
