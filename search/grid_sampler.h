#pragma once

#include "search/sampler.h"

namespace lorasweep::search {

// Every point of the grid once, in the order of Space::GridPoint; the seed does not matter. Points that were enqueued
// by hand are not repeated. InvalidArgument names a parameter without a grid.
class GridSampler : public Sampler {
 public:
  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;
};

}  // namespace lorasweep::search
