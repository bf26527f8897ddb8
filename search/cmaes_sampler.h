#pragma once

#include <cstdint>

#include "search/sampler.h"

namespace lorasweep::search {

// CMA-ES over the unit cube of UnitSpace, for many trials over numbers. Trials in the order of their numbers make its
// generations; a generation moves the distribution once all of its trials are over, so that workers asking meanwhile
// draw from the last one, and the state follows from the view alone. Choices without an order are drawn at random.
// Steps of discrete numbers stay wide enough to reach the neighbouring values. When the distribution has converged it
// begins anew at a random place.
//
// Where the space is discrete it does not repeat a point. Time: linear in the number of trials.
class CmaEsSampler : public Sampler {
 public:
  // sweep_seed: of the places where it begins anew.
  explicit CmaEsSampler(std::uint64_t sweep_seed) : sweep_seed_(sweep_seed) {}

  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;

 private:
  const std::uint64_t sweep_seed_;
};

}  // namespace lorasweep::search
