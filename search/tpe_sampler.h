#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "search/sampler.h"

namespace lorasweep::search {

// Tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe 2023), with the defaults of Optuna 5's TPESampler
// for one objective: random until 10 trials have finished, then the best of 24 candidates drawn from l(x), the joint
// density of the good trials, by l(x)/g(x), g(x) being that of the rest. Trials that are still running count as bad,
// so that workers asking at once are sent to different places.
//
// Conditional parameters are modelled in groups that are in use together (Space::groups), each by the trials that used
// it, as Optuna's group=True does.
//
// Where the space is discrete it never repeats a point: the next best candidate is taken, then a random unused point.
// Time: linear in the number of trials, with a small factor beyond kMostRest of them.
class TpeSampler : public Sampler {
 public:
  static constexpr int kStartupTrials = 10;
  static constexpr std::size_t kCandidates = 24;

  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;
};

// Logarithms of the two densities at one point.
struct TpeScore {
  double log_good = 0;
  double log_rest = 0;
  double LogRatio() const { return log_good - log_rest; }
};

// What TPE thinks of `candidates`, given the view's trials, summed over the groups that they use. InvalidArgument when
// one is outside the space.
absl::StatusOr<std::vector<TpeScore>> ScoreCandidates(const SweepView& view, std::span<const Params> candidates);

}  // namespace lorasweep::search
