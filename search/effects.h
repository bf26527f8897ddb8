#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/leaderboard.h"
#include "search/sweep_view.h"

namespace lorasweep::search {

// The main effect of a parameter: the metric that is expected at each of its values, on average over the others.
struct Effect {
  struct Point {
    Value value;
    Estimate metric;  // with the error that the model has of the average
  };
  std::string parameter;
  std::vector<Point> points;  // in the parameter's order
};

// What two parameters do together that neither does alone, as a share of the variance over the whole space.
struct Interaction {
  std::string first;
  std::string second;
  double share = 0;
};

struct Effects {
  double fit = 0;                         // 1 - mean square error / variance, of trials left out one by one
  std::vector<Effect> effects;            // of the parameters with more than one value, in the space's order
  std::vector<Interaction> interactions;  // of kLeastShare or more, the largest first
};

// What a Gaussian process of the completed trials that began from nothing (the one of GpSampler, at most the newest
// kMostObserved of them) knows of each parameter, averaged over scrambled Sobol points: a functional ANOVA (Hooker
// 2007; Hutter et al. 2014) of its mean. Bad losses are drawn in as WarpLosses has it, so that a diverged trial does
// not outweigh all others. No effects and interactions where the fit is below kLeastFit: the model then knows too
// little. Interactions are sought among the kMostPaired parameters with the largest main effects. FailedPrecondition:
// fewer than 10 completed trials.
inline constexpr double kLeastFit = 0.5;
inline constexpr double kLeastShare = 0.01;
inline constexpr std::size_t kMostPaired = 6;
absl::StatusOr<Effects> FindEffects(const SweepView& view, std::uint64_t seed);

}  // namespace lorasweep::search
