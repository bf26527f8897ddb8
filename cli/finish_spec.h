#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep_service.pb.h"

namespace lorasweep::cli {

struct FinishOptions {
  std::int64_t top = 3;                     // how many of the best
  std::int64_t seeds = 2;                   // further runs of each, with other seeds
  std::vector<std::string> overrides = {};  // key=value, of training, data or model
};

// The sweep that trains the winners of another one to their ends: its first places as start points and nothing else,
// unpruned, each trained again with other seeds. `sweep` has its whole spec. `overrides` change settings that the sweep
// did not search; the value is YAML.
// InvalidArgument: an override that cannot be ("--set key=value: why"). FailedPrecondition: the leaderboard is empty.
absl::StatusOr<v1::SweepSpec> FinishSpec(const v1::Sweep& sweep, const v1::GetLeaderboardResponse& leaderboard,
                                         const FinishOptions& options);

}  // namespace lorasweep::cli
