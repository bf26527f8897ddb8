#pragma once

#include "search/proposed_points.h"
#include "search/rng.h"
#include "search/sampler.h"

namespace lorasweep::search {

// Draws every free parameter from its domain's distribution, independently. In a discrete space it does not repeat
// what was proposed already.
class RandomSampler : public Sampler {
 public:
  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;
};

// A value for each free parameter, in use or not, drawn from its distribution.
Params DrawFree(const Space& space, Rng* rng);

// One such draw: a complete point that `proposed` does not contain, or SpaceExhausted. Other samplers fall back on it
// and give their own reason.
absl::StatusOr<Proposal> DrawRandom(const Space& space, const ProposedPoints& proposed, Rng* rng, std::string reason);

}  // namespace lorasweep::search
