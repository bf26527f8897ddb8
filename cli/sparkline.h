#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace lorasweep::cli {

// A curve in `width` characters, "█▆▄▃▂▁": the lowest value is the lowest bar, the highest the highest. Longer curves
// are cut into `width` equal parts, of which each shows its last value. Values that are not finite show as "×".
// A shorter curve takes as many characters as it has values; equal values are all "▄".
std::string Sparkline(std::span<const double> values, std::size_t width);

// "━━━━━━╸─────" in `width` characters: `share` of it, held to [0, 1], is full.
std::string ProgressBar(double share, std::size_t width);

}  // namespace lorasweep::cli
