#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "search/pruner.h"
#include "search/space.h"
#include "search/trial.h"

namespace lorasweep::search {

struct SimulationOptions {
  std::int64_t workers = 1;  // each trains one trial at a time, all at the same speed
};

struct SimulationResult {
  std::vector<Trial> trials;   // as the sweep leaves them, in the order in which they began
  std::int64_t sequences = 0;  // trained in all
  std::int64_t full = 0;       // that all trials to their ends would have cost
  std::int64_t makespan = 0;   // sequences that one worker could have trained meanwhile
  std::int64_t best = -1;      // the index in `recorded` of what the leaderboard has first; -1: nothing was evaluated
};

// What a pruner makes of curves that were recorded to their ends: trials begin in the order `order`, indices into
// `recorded`, are judged at each evaluation, paused and resumed as the coordinator does it. Deterministic.
SimulationResult Simulate(std::span<const Trial> recorded, std::span<const std::size_t> order, const Pruner& pruner,
                          const SimulationOptions& options);

}  // namespace lorasweep::search
