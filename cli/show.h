#pragma once

#include <vector>

#include "cli/context.h"
#include "lorasweep/v1/sweep_service.pb.h"

namespace lorasweep::cli {

// A sweep on context.out: state, model, data, search, results. json: the sweep itself.
void ShowSweep(const Context& context, const v1::GetLeaderboardResponse& leaderboard);

// A trial: parameters, why it was suggested and how it ended, its attempts, its curve, its files.
// json: {"trial": …, "observations": […]}; csv: the observations.
void ShowTrial(const Context& context, const v1::Sweep& sweep, const v1::Trial& trial,
               const std::vector<v1::Observation>& observations);

// "2026-11-22 14:03:07" in the machine's time zone, "" for 0. `seconds` since 1970.
std::string LocalTime(std::int64_t seconds);

}  // namespace lorasweep::cli
