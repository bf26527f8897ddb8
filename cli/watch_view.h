#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/context.h"
#include "cli/live_state.h"
#include "cli/signals.h"

namespace lorasweep::cli {

enum class WatchStep { kGoOn, kLeave };

// Called about ten times a second with the signal that came (0: none); may add to the events that are told.
using WatchTick = std::function<WatchStep(int signal, std::vector<LiveEvent>& events)>;

// Shows a sweep of the client's server on context.err until it has ended (Ok), `on_tick` leaves (Cancelled) or the
// server refuses. On a terminal a live view, redrawn in place and taken away in the end; elsewhere a line for each
// event. `state` holds what was seen, with the leaderboard of the end.
absl::Status WatchSweep(Context& context, const Client& client, const std::string& sweep, Signals& signals,
                        const WatchTick& on_tick, LiveState& state);

// Seconds of the clock that LiveState is fed with.
double SteadySeconds();

}  // namespace lorasweep::cli
