#pragma once

#include <cstdint>
#include <string>

#include "lorasweep/v1/sweep.pb.h"
#include "server/sweep_state.h"

// What people and workers are told of the coordinator's state.
namespace lorasweep::server {

v1::Sweep SweepMessage(SweepState& sweep);
v1::Trial TrialMessage(const SweepState& sweep, std::int64_t number);
v1::LeaderboardRow RowMessage(const SweepState& sweep, const search::LeaderboardRow& row);

// "RUNNING"
std::string StateName(v1::Sweep::State state);

}  // namespace lorasweep::server
