#pragma once

#include <memory>

#include "search/sampler.h"

namespace lorasweep::search {

// Ends a sweep that has settled: proposes as another sampler does until a Gaussian process of the results (the one of
// GpSampler) expects less of the best further trial than the error of a comparison between two trials (after Makarova
// et al., "Automatic Termination for Hyperparameter Optimization", 2022). That must hold of all results and also
// without the last one and the last two, and kLeastTrials or twice as many trials as there are parameters must have
// completed; then it is SpaceExhausted, with the numbers as reason.
//
// The error of a comparison is the median over the leaderboard's first places of the gap's standard error, which is of
// pairs of losses on the same sequences; without losses per sequence what the process takes for noise, for two trials.
// Goes by the first objective. Time: up to three suggestions of GpSampler.
class SettledSampler : public Sampler {
 public:
  static constexpr std::size_t kLeastTrials = 10;
  static constexpr int kInARow = 3;

  explicit SettledSampler(std::unique_ptr<Sampler> inner) : inner_(std::move(inner)) {}

  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;

 private:
  const std::unique_ptr<Sampler> inner_;
};

}  // namespace lorasweep::search
