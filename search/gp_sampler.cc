#include "search/gp_sampler.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "search/gp_fit.h"
#include "search/gp_history.h"
#include "search/gp_search.h"
#include "search/output_warp.h"
#include "search/random_sampler.h"

namespace lorasweep::search {
namespace {

constexpr std::size_t kGoodPoints = 5;

GpData DataOf(const UnitSpace& space, const GpHistory& history) {
  const std::vector<double> values = WarpLosses(history.losses);
  GpData data;
  for (const UnitAxis& axis : space.axes()) data.categorical.push_back(axis.kind == UnitAxis::Kind::kCategorical);
  data.values = Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
  data.points.resize(static_cast<Eigen::Index>(space.axes().size()),
                     static_cast<Eigen::Index>(history.points.size() + history.pending.size()));
  Eigen::Index column = 0;
  for (const auto* points : {&history.points, &history.pending}) {
    for (const std::vector<double>& point : *points) {
      data.points.col(column++) = Eigen::Map<const Eigen::VectorXd>(point.data(), data.points.rows());
    }
  }
  return data;
}

// Those of the lowest losses.
std::vector<std::vector<double>> GoodPoints(const GpHistory& history) {
  std::vector<std::size_t> order(history.losses.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t count = std::min(order.size(), kGoodPoints);
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [&](std::size_t a, std::size_t b) { return std::pair(history.losses[a], a) < std::pair(history.losses[b], b); });
  std::vector<std::vector<double>> points;
  for (std::size_t i = 0; i < count; ++i) points.push_back(history.points[order[i]]);
  return points;
}

std::string Reason(const GpHistory& history, double log_improvement) {
  const std::string pending =
      history.pending.empty() ? "" : absl::StrCat(", its prediction taken for ", history.pending.size(), " unfinished");
  return absl::StrFormat("Highest expected improvement (log %.2f) of a Gaussian process over %d trials%s.",
                         log_improvement, history.points.size(), pending);
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
  if (space.axes().empty() || history.points.size() < StartupTrials(space.axes().size())) {
    return sobol_.Suggest(view, seed);
  }
  if (rng.Below(kRandomShare) == 0) {
    return DrawRandom(view.space, proposed, &rng,
                      absl::StrCat("Drawn at random, as one in ", kRandomShare, " is, in case the model is wrong."));
  }
  const GpData data = DataOf(space, history);
  const GaussianProcess process(data, FitGp(data));
  const std::vector<GpCandidate> candidates =
      FindImprovements(process, space, process.FittedMeans().minCoeff(), GoodPoints(history), &rng);
  for (const GpCandidate& candidate : candidates) {
    const Params free = space.ParamsAt(candidate.point);
    if (proposed.Contains(free)) continue;
    absl::StatusOr<Params> params = view.space.Complete(free);
    if (!params.ok()) return params.status();
    return Suggestion{*std::move(params), Reason(history, candidate.log_improvement)};
  }
  return DrawRandom(view.space, proposed, &rng, "Drawn at random: all that the model suggests was tried already.");
}

}  // namespace lorasweep::search
