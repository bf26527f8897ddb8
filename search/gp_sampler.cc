#include "search/gp_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "search/gp_history.h"
#include "search/gp_model.h"
#include "search/gp_search.h"
#include "search/output_warp.h"
#include "search/random_sampler.h"

namespace lorasweep::search {
namespace {

constexpr double kSumShare = 0.05;  // ParEGO's rho

// One loss a trial. Several objectives are drawn together with random weights, other ones at each suggestion, so that
// suggestions spread over the Pareto front: the augmented Chebyshev norm of ParEGO (Knowles 2006).
std::vector<double> LossesOf(const GpHistory& history, Rng* rng) {
  const std::size_t count = history.outcomes.size();
  std::vector<double> losses(count);
  for (std::size_t i = 0; i < count; ++i) losses[i] = history.outcomes[i].loss;
  std::size_t others = 0;
  for (const GpHistory::Outcome& outcome : history.outcomes) others = std::max(others, outcome.others.size());
  if (others == 0) return losses;

  std::vector<double> weights(others + 1);
  for (double& weight : weights) weight = -std::log(rng->Uniform());
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> highest(count, 0.0);
  std::vector<double> sums(count, 0.0);
  for (std::size_t k = 0; k <= others; ++k) {
    std::vector<double> values = losses;
    for (std::size_t i = 0; i < count && k > 0; ++i) {
      const std::vector<double>& row = history.outcomes[i].others;
      values[i] = k <= row.size() ? row[k - 1] : NAN;
    }
    values = WarpLosses(values);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double start = *low;
    const double range = *high > start ? *high - start : 1;
    for (std::size_t i = 0; i < count; ++i) {
      const double weighted = weights[k] / sum * (values[i] - start) / range;
      highest[i] = std::max(highest[i], weighted);
      sums[i] += weighted;
    }
  }
  for (std::size_t i = 0; i < count; ++i) losses[i] = highest[i] + kSumShare * sums[i];
  return losses;
}

std::string Reason(const GpHistory& history, const GpModel& model, double log_improvement) {
  const std::string pending =
      history.pending.empty() ? "" : absl::StrCat(", its prediction taken for ", history.pending.size(), " unfinished");
  const std::string known = history.known.empty() ? "" : absl::StrCat(" and ", history.known.size(), " known points");
  const std::string kept = model.limits.empty() ? "" : " within the constraints";
  return absl::StrFormat("Highest expected improvement%s (log %.2f)%s of a Gaussian process over %d trials%s%s.",
                         model.cost ? " per second" : "", log_improvement, kept, history.outcomes.size(), known,
                         pending);
}

}  // namespace

std::size_t GpSampler::StartupTrials(std::size_t parameters) {
  return std::clamp<std::size_t>(2 * parameters, 5, 10);
}

absl::StatusOr<Proposal> GpSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  Rng rng(seed);
  const ProposedPoints proposed(view);
  if (proposed.Exhausted()) return SpaceExhausted{};
  const UnitSpace space(view.space);
  const GpHistory history = CollectOutcomes(view, space);
  if (space.axes().empty() || history.outcomes.size() + history.known.size() < StartupTrials(space.axes().size())) {
    return sobol_.Suggest(view, seed);
  }
  if (rng.Below(kRandomShare) == 0) {
    return DrawRandom(view.space, proposed, &rng,
                      absl::StrCat("Drawn at random, as one in ", kRandomShare, " is, in case the model is wrong."));
  }
  const std::vector<double> losses = LossesOf(history, &rng);
  GpModel model = LearnGp(space, history, losses);
  if (cost_aware_) model.cost = LearnCost(space, history);
  const std::vector<GpCandidate> candidates = FindImprovements(model, space, &rng);
  for (const GpCandidate& candidate : candidates) {
    const Params free = space.ParamsAt(candidate.point);
    if (proposed.Contains(free)) continue;
    absl::StatusOr<Params> params = view.space.Complete(free);
    if (!params.ok()) return params.status();
    return Suggestion{*std::move(params), Reason(history, model, candidate.log_improvement)};
  }
  return DrawRandom(view.space, proposed, &rng, "Drawn at random: all that the model suggests was tried already.");
}

}  // namespace lorasweep::search
