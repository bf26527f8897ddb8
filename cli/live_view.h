#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/live_state.h"

namespace lorasweep::cli {

struct LiveViewOptions {
  std::size_t width = 80;   // columns; nothing is drawn beyond
  std::size_t height = 24;  // lines; one is left free for the cursor
  bool colour = false;
  double now = 0;  // seconds, of the clock that LiveState is fed with
};

// A watched sweep as lines of a terminal: a header that says whether it is alive and who is winning, the running trials
// with their progress and curves, the top of the leaderboard, the newest events. Gives up the least important lines
// first where the height is small. Pure.
std::vector<std::string> RenderLiveView(const LiveState& state, const LiveViewOptions& options);

}  // namespace lorasweep::cli
