#include "search/gp_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "search/gp_fit.h"
#include "search/gp_history.h"
#include "search/gp_search.h"
#include "search/normal.h"
#include "search/output_warp.h"
#include "search/random_sampler.h"

namespace lorasweep::search {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr std::size_t kGoodPoints = 5;
constexpr std::size_t kLeastTimed = 4;
constexpr double kSumShare = 0.05;  // ParEGO's rho
// What a known point's standing says of its loss here, as variance while the sweep has no results of its own; as much
// again is added with each kKnownFade of them.
constexpr double kKnownNoise = 0.25;
constexpr double kKnownFade = 5;

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

GpData EmptyData(const UnitSpace& space, std::size_t columns) {
  GpData data;
  for (const UnitAxis& axis : space.axes()) data.categorical.push_back(axis.kind == UnitAxis::Kind::kCategorical);
  data.points.resize(static_cast<Index>(space.axes().size()), static_cast<Index>(columns));
  return data;
}

void SetPoint(const std::vector<double>& point, Index column, GpData* data) {
  data->points.col(column) = Eigen::Map<const VectorXd>(point.data(), data->points.rows());
}

// Outcomes first, then known points, then pending ones.
GpData DataOf(const UnitSpace& space, const GpHistory& history, const std::vector<double>& losses) {
  const std::vector<double> values = WarpLosses(losses);
  const auto own = static_cast<Index>(values.size());
  const auto known = static_cast<Index>(history.known.size());
  GpData data = EmptyData(space, values.size() + history.known.size() + history.pending.size());
  data.values.resize(own + known);
  data.values.head(own) = Eigen::Map<const VectorXd>(values.data(), own);
  Index column = 0;
  for (const GpHistory::Outcome& outcome : history.outcomes) SetPoint(outcome.point, column++, &data);
  if (known > 0) {
    data.extra_noise = VectorXd::Zero(own + known);
    data.extra_noise.tail(known).setConstant(kKnownNoise * (1 + static_cast<double>(own) / kKnownFade));
  }
  for (std::size_t i = 0; i < history.known.size(); ++i) {
    data.values[column] = NormalQuantile(0.02 + 0.96 * history.standings[i]);
    SetPoint(history.known[i], column++, &data);
  }
  for (const std::vector<double>& point : history.pending) SetPoint(point, column++, &data);
  return data;
}

// A process for each constraint that was ever broken. One that never was needs no model.
std::vector<GpLimit> LimitsOf(const UnitSpace& space, const GpHistory& history) {
  std::size_t count = 0;
  for (const GpHistory::Outcome& outcome : history.outcomes) count = std::max(count, outcome.violations.size());
  std::vector<GpLimit> limits;
  for (std::size_t k = 0; k < count; ++k) {
    std::vector<const GpHistory::Outcome*> seen;
    bool broken = false;
    for (const GpHistory::Outcome& outcome : history.outcomes) {
      if (k >= outcome.violations.size() || !std::isfinite(outcome.violations[k])) continue;
      seen.push_back(&outcome);
      broken |= outcome.violations[k] > 0;
    }
    if (!broken) continue;
    GpData data = EmptyData(space, seen.size());
    data.values.resize(static_cast<Index>(seen.size()));
    for (std::size_t i = 0; i < seen.size(); ++i) {
      data.values[static_cast<Index>(i)] = seen[i]->violations[k];
      SetPoint(seen[i]->point, static_cast<Index>(i), &data);
    }
    const double mean = data.values.mean();
    data.values.array() -= mean;
    const double deviation = std::sqrt(data.values.squaredNorm() / static_cast<double>(seen.size()));
    const double scale = deviation > 0 ? deviation : std::abs(mean);
    data.values /= scale;
    GpParams params = FitGp(data);
    limits.push_back({GaussianProcess(std::move(data), std::move(params)), -mean / scale});
  }
  return limits;
}

// What completed trials took; nullopt while too few are known, or all took as long.
std::optional<GpCost> CostOf(const UnitSpace& space, const GpHistory& history) {
  std::vector<const GpHistory::Outcome*> timed;
  for (const GpHistory::Outcome& outcome : history.outcomes) {
    if (outcome.seconds > 0 && std::isfinite(outcome.seconds)) timed.push_back(&outcome);
  }
  if (timed.size() < kLeastTimed) return std::nullopt;
  GpData data = EmptyData(space, timed.size());
  data.values.resize(static_cast<Index>(timed.size()));
  for (std::size_t i = 0; i < timed.size(); ++i) {
    data.values[static_cast<Index>(i)] = std::log(timed[i]->seconds);
    SetPoint(timed[i]->point, static_cast<Index>(i), &data);
  }
  data.values.array() -= data.values.mean();
  const double deviation = std::sqrt(data.values.squaredNorm() / static_cast<double>(timed.size()));
  if (!(deviation > 0)) return std::nullopt;
  data.values /= deviation;
  GpParams params = FitGp(data);
  return GpCost{GaussianProcess(std::move(data), std::move(params)), deviation};
}

// The lowest fitted mean of a trial that keeps all constraints; of any, where none does.
double Incumbent(const GaussianProcess& process, const GpHistory& history) {
  const VectorXd means = process.FittedMeans();
  double best = INFINITY;
  for (std::size_t i = 0; i < history.outcomes.size(); ++i) {
    const std::vector<double>& violations = history.outcomes[i].violations;
    if (std::any_of(violations.begin(), violations.end(), [](double v) { return v > 0; })) continue;
    best = std::min(best, means[static_cast<Index>(i)]);
  }
  return std::isfinite(best) ? best : means.minCoeff();
}

// Those of the lowest losses.
std::vector<std::vector<double>> GoodPoints(const GpHistory& history, const std::vector<double>& losses) {
  std::vector<std::size_t> order(losses.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t count = std::min(order.size(), kGoodPoints);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) { return std::pair(losses[a], a) < std::pair(losses[b], b); });
  std::vector<std::vector<double>> points;
  for (std::size_t i = 0; i < count; ++i) points.push_back(history.outcomes[order[i]].point);
  return points;
}

std::string Reason(const GpHistory& history, const std::vector<GpLimit>& limits, bool per_second,
                   double log_improvement) {
  const std::string pending =
      history.pending.empty() ? "" : absl::StrCat(", its prediction taken for ", history.pending.size(), " unfinished");
  const std::string known = history.known.empty() ? "" : absl::StrCat(" and ", history.known.size(), " known points");
  const std::string kept = limits.empty() ? "" : " within the constraints";
  return absl::StrFormat("Highest expected improvement%s (log %.2f)%s of a Gaussian process over %d trials%s%s.",
                         per_second ? " per second" : "", log_improvement, kept, history.outcomes.size(), known,
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
  const GpData data = DataOf(space, history, losses);
  const GaussianProcess process(data, FitGp(data));
  const std::vector<GpLimit> limits = LimitsOf(space, history);
  const std::optional<GpCost> cost = cost_aware_ ? CostOf(space, history) : std::nullopt;
  const std::vector<GpCandidate> candidates =
      FindImprovements(process, limits, cost, space, Incumbent(process, history), GoodPoints(history, losses), &rng);
  for (const GpCandidate& candidate : candidates) {
    const Params free = space.ParamsAt(candidate.point);
    if (proposed.Contains(free)) continue;
    absl::StatusOr<Params> params = view.space.Complete(free);
    if (!params.ok()) return params.status();
    return Suggestion{*std::move(params), Reason(history, limits, cost.has_value(), candidate.log_improvement)};
  }
  return DrawRandom(view.space, proposed, &rng, "Drawn at random: all that the model suggests was tried already.");
}

}  // namespace lorasweep::search
