#pragma once

#include <string>

#include "lorasweep/v1/sweep_service.pb.h"

namespace lorasweep::server {

// What is told of a sweep that has ended, as JSON (docs/operations.md lists the fields): which sweep, how it ended, its
// best trial, and the same in a sentence under the keys that chat services show. `leaderboard` has the sweep and its
// first row at least. `dashboard`: the dashboard's address with a slash at its end, for a link; empty: none. Pure.
std::string EndNotice(const v1::GetLeaderboardResponse& leaderboard, const std::string& dashboard);

}  // namespace lorasweep::server
