#pragma once

#include <vector>

#include "search/sweep_view.h"
#include "search/unit_space.h"

namespace lorasweep::search {

// What the Gaussian process learns from, in the order of the trials' numbers.
struct GpHistory {
  struct Outcome {
    std::vector<double> point;       // coordinates
    double loss = 0;                 // +infinity for a bad point without a number
    std::vector<double> others;      // of the further objectives; not finite where unknown
    std::vector<double> violations;  // of each constraint; not finite where unknown
    double seconds;                  // that it took to the end; NaN where it did not get there, or nobody knows
  };
  std::vector<Outcome> outcomes;
  std::vector<std::vector<double>> pending;  // coordinates of queued, running and paused trials
  // Points that are known from elsewhere, and their standings there.
  std::vector<std::vector<double>> known;
  std::vector<double> standings;
};

// Losses are those of Outcomes. Failed and cancelled trials, and points outside the space, say nothing.
//
// At most kMostObserved outcomes are kept, half of them the best, half the newest, the newest kMostPending pending
// trials, and the first kMostKnown known points, so that what follows does not grow with the history.
GpHistory CollectOutcomes(const SweepView& view, const UnitSpace& space);
inline constexpr std::size_t kMostObserved = 512;
inline constexpr std::size_t kMostPending = 128;
inline constexpr std::size_t kMostKnown = 128;

}  // namespace lorasweep::search
