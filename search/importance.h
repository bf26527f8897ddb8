#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/leaderboard.h"
#include "search/sweep_view.h"

namespace lorasweep::search {

struct Importance {
  std::string parameter;
  // Its part of all parameters' importances, which sum to 1; the error is the deviation over resampled trials.
  Estimate share;
  // Where the best tenth lies: the first and last value of the middle half of it in the parameter's order, its most
  // frequent choice for a parameter without an order. Of a conditional parameter, among the trials that use it.
  Value best_low;
  Value best_high;
};

struct Importances {
  std::vector<Importance> parameters;  // most important first
  std::int64_t trials = 0;             // completed ones that it rests on
};

// Which parameters make a trial one of the best tenth: PED-ANOVA (Watanabe et al. 2023), the Pearson divergence of a
// parameter's density among the best tenth from that among all, with the discretisation, kernels and constants of
// Optuna 5's PedAnovaImportanceEvaluator. Numbers are judged on their domain's scale; ordered values by their position,
// random variables by their quantile. A conditional parameter is judged by the trials that use it, and weighed by their
// share.
//
// Trials that were chosen by a model lie where it looked: a parameter that was settled early seems less important
// than it is. FailedPrecondition: fewer than kLeastTrials completed trials with a finite value.
inline constexpr std::int64_t kLeastTrials = 10;
absl::StatusOr<Importances> FindImportances(const SweepView& view, std::uint64_t seed);

}  // namespace lorasweep::search
