#pragma once

#include <cstdint>

#include "search/rng.h"
#include "search/sampler.h"

namespace lorasweep::search {

// Trial n of a sweep gets point n of a scrambled Sobol sequence, which fills the space more evenly than random draws.
// Parameters beyond kSobolDimensions are drawn at random. In a discrete space it does not repeat what was proposed:
// where the sequence would, an unused point is drawn.
class SobolSampler : public Sampler {
 public:
  // sweep_seed: of the scrambling, the same for all trials of a sweep.
  explicit SobolSampler(std::uint64_t sweep_seed) : sweep_seed_(sweep_seed) {}

  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;

  // The view's next point of the sequence, proposed already or not: a value for every free parameter, in use or not.
  Params NextPoint(const SweepView& view, Rng* rng) const;

 private:
  const std::uint64_t sweep_seed_;
};

}  // namespace lorasweep::search
