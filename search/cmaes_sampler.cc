#include "search/cmaes_sampler.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/cma_es.h"
#include "search/normal.h"
#include "search/outcomes.h"
#include "search/random_sampler.h"
#include "search/unit_space.h"

namespace lorasweep::search {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr int kTries = 30;  // before a discrete space's unused points are counted out

std::vector<std::size_t> NumericAxes(const UnitSpace& space) {
  std::vector<std::size_t> axes;
  for (std::size_t j = 0; j < space.axes().size(); ++j) {
    if (space.axes()[j].kind != UnitAxis::Kind::kCategorical) axes.push_back(j);
  }
  return axes;
}

// The strategy after all generations that are over, and how many they were.
struct Replayed {
  CmaEs strategy;
  int generations = 0;
};

Replayed Replay(const SweepView& view, const UnitSpace& space, const std::vector<std::size_t>& axes,
                std::uint64_t sweep_seed) {
  Replayed replayed{CmaEs(static_cast<int>(axes.size()))};
  Outcomes outcomes(view);
  const auto size = static_cast<std::size_t>(replayed.strategy.population());
  for (std::size_t first = 0; first + size <= view.trials.size(); first += size) {
    const auto generation = view.trials.subspan(first, size);
    if (!std::all_of(generation.begin(), generation.end(), [](const Trial& t) { return IsFinal(t.state); })) break;
    std::vector<VectorXd> points;
    std::vector<double> losses;
    for (const Trial& trial : generation) {
      const std::optional<double> loss = outcomes.LossOf(trial);
      const std::optional<std::vector<double>> point = loss ? space.CoordinatesOf(trial.params) : std::nullopt;
      if (!point) continue;
      VectorXd numeric(static_cast<Index>(axes.size()));
      for (std::size_t j = 0; j < axes.size(); ++j) numeric[static_cast<Index>(j)] = (*point)[axes[j]];
      points.push_back(std::move(numeric));
      losses.push_back(*loss);
    }
    replayed.strategy.Learn(points, losses);
    ++replayed.generations;
    if (!replayed.strategy.Converged()) continue;
    Rng rng(TrialSeed(sweep_seed, -replayed.generations));
    VectorXd mean(static_cast<Index>(axes.size()));
    for (double& coordinate : mean) coordinate = rng.Uniform();
    replayed.strategy.Restart(mean);
  }
  return replayed;
}

// A point of the whole cube: numbers from the strategy, choices at random.
std::vector<double> Draw(const CmaEs& strategy, const UnitSpace& space, const std::vector<std::size_t>& axes,
                         Rng* rng) {
  std::vector<double> point(space.axes().size());
  for (double& coordinate : point) coordinate = rng->Uniform();
  const VectorXd drawn = strategy.Draw(rng);
  const VectorXd deviations = strategy.Deviations();
  for (std::size_t j = 0; j < axes.size(); ++j) {
    double coordinate = drawn[static_cast<Index>(j)];
    // Half a cell of an ordered axis is the least deviation; without it all draws would soon fall into one cell.
    if (const std::size_t count = space.axes()[axes[j]].coordinates.size(); count > 0) {
      const double least = 0.5 / static_cast<double>(count);
      const double missing = least * least - std::pow(deviations[static_cast<Index>(j)], 2);
      if (missing > 0) coordinate += std::sqrt(missing) * NormalQuantile(rng->Uniform());
    }
    point[axes[j]] = std::clamp(coordinate, 0.0, 1.0);
  }
  return point;
}

}  // namespace

absl::StatusOr<Proposal> CmaEsSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  Rng rng(seed);
  const ProposedPoints proposed(view);
  if (proposed.Exhausted()) return SpaceExhausted{};
  const UnitSpace space(view.space);
  const std::vector<std::size_t> axes = NumericAxes(space);
  if (axes.empty()) {
    return DrawRandom(view.space, proposed, &rng, "Drawn at random: CMA-ES needs a number to search over.");
  }
  const Replayed replayed = Replay(view, space, axes, sweep_seed_);
  for (int i = 0; i < kTries; ++i) {
    const Params free = space.ParamsAt(Draw(replayed.strategy, space, axes, &rng));
    if (proposed.Contains(free)) continue;
    absl::StatusOr<Params> params = view.space.Complete(free);
    if (!params.ok()) return params.status();
    return Suggestion{*std::move(params), absl::StrCat("Drawn from the distribution that CMA-ES has learned in ",
                                                       replayed.generations, " generations.")};
  }
  return DrawRandom(view.space, proposed, &rng, "Drawn at random: CMA-ES would repeat a point here.");
}

}  // namespace lorasweep::search
