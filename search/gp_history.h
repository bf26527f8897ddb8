#pragma once

#include <vector>

#include "search/sweep_view.h"
#include "search/unit_space.h"

namespace lorasweep::search {

// What the Gaussian process learns from, in the order of the trials' numbers.
struct GpHistory {
  std::vector<std::vector<double>> points;   // coordinates of trials with an outcome
  std::vector<double> losses;                // theirs; +infinity for a bad point without a number
  std::vector<std::vector<double>> pending;  // coordinates of queued, running and paused trials
};

// Losses are those of Outcomes. Failed and cancelled trials, and points outside the space, say nothing.
//
// At most kMostObserved outcomes are kept, half of them the best, half the newest, and the newest kMostPending pending
// trials, so that what follows does not grow with the history.
GpHistory CollectOutcomes(const SweepView& view, const UnitSpace& space);
inline constexpr std::size_t kMostObserved = 512;
inline constexpr std::size_t kMostPending = 128;

}  // namespace lorasweep::search
