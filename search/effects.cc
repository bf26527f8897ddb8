#include "search/effects.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/gp_model.h"
#include "search/importance.h"
#include "search/rng.h"
#include "search/sobol.h"

namespace lorasweep::search {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index kAveraged = 64;      // points that a main effect is an average over
constexpr Index kPairAveraged = 32;  // that an interaction is
constexpr Index kForVariance = 512;
constexpr std::size_t kLevels = 9;      // of a continuous axis
constexpr std::size_t kPairLevels = 6;  // of any

// Completed trials alone: how others would have ended is a guess.
GpHistory CompletedOnes(const SweepView& view, const UnitSpace& space) {
  GpHistory history;
  for (const Trial& trial : view.trials) {
    if (trial.state != TrialState::kCompleted || trial.warm_start_of >= 0 || trial.curve.empty()) continue;
    const double loss = trial.curve.back().value;
    std::optional<std::vector<double>> point = space.CoordinatesOf(trial.params);
    if (!point || !std::isfinite(loss)) continue;
    history.outcomes.push_back({*std::move(point), loss, {}, {}, NAN});
  }
  if (history.outcomes.size() > kMostObserved) {
    history.outcomes.erase(history.outcomes.begin(),
                           history.outcomes.end() - static_cast<std::ptrdiff_t>(kMostObserved));
  }
  return history;
}

class Analysis {
 public:
  Analysis(const UnitSpace& space, const GpModel& model, double offset, std::uint64_t seed)
      : space_(space), model_(model), offset_(offset), seed_(seed) {}

  Effect MainEffect(std::size_t axis) const {
    Effect effect{space_.parameter(axis).name, {}};
    const MatrixXd base = Points(kAveraged);
    for (const double coordinate : Levels(axis, kLevels)) {
      MatrixXd points = base;
      Index used = 0;
      for (Index p = 0; p < base.cols(); ++p) {
        std::vector<double> point(base.col(p).begin(), base.col(p).end());
        point[axis] = coordinate;
        if (!space_.InUse(point)[axis]) continue;
        space_.Settle(&point);
        points.col(used++) = Eigen::Map<const VectorXd>(point.data(), points.rows());
      }
      if (used == 0) continue;
      const auto [mean, variance] = model_.process.AverageOver(points.leftCols(used));
      std::vector<double> example(points.col(0).begin(), points.col(0).end());
      effect.points.push_back({space_.ParamsAt(example).at(effect.parameter),
                               {offset_ + model_.scale * mean, model_.scale * std::sqrt(variance)}});
    }
    return effect;
  }

  // The variance of what is left of the function of both axes without those of either.
  double TogetherOnly(std::size_t a, std::size_t b) const {
    const std::vector<double> first = Levels(a, kPairLevels);
    const std::vector<double> second = Levels(b, kPairLevels);
    const MatrixXd base = Points(kPairAveraged);
    MatrixXd cells(static_cast<Index>(first.size()), static_cast<Index>(second.size()));
    for (Index i = 0; i < cells.rows(); ++i) {
      for (Index j = 0; j < cells.cols(); ++j) {
        MatrixXd points = base;
        points.row(static_cast<Index>(a)).setConstant(first[static_cast<std::size_t>(i)]);
        points.row(static_cast<Index>(b)).setConstant(second[static_cast<std::size_t>(j)]);
        Settle(&points);
        cells(i, j) = model_.process.Means(points).mean();
      }
    }
    const VectorXd rows = cells.rowwise().mean();
    const VectorXd columns = cells.colwise().mean();
    const double mean = cells.mean();
    cells.colwise() -= rows;
    cells.rowwise() -= columns.transpose();
    return (cells.array() + mean).square().mean();
  }

  double Variance() const {
    const VectorXd means = model_.process.Means(Points(kForVariance));
    return (means.array() - means.mean()).square().mean();
  }

 private:
  std::vector<double> Levels(std::size_t axis, std::size_t most) const {
    std::vector<double> listed = space_.axes()[axis].coordinates;
    if (!listed.empty() && listed.size() <= most) return listed;
    std::vector<double> levels;
    for (std::size_t i = 0; i < most; ++i) {
      const double place = (static_cast<double>(i) + 0.5) / static_cast<double>(most);
      levels.push_back(listed.empty() ? space_.Snapped(axis, place)
                                      : listed[static_cast<std::size_t>(place * static_cast<double>(listed.size()))]);
    }
    return levels;
  }

  MatrixXd Points(Index count) const {
    MatrixXd points(static_cast<Index>(space_.axes().size()), count);
    Rng rng(seed_);
    for (Index p = 0; p < count; ++p) {
      for (Index j = 0; j < points.rows(); ++j) {
        const double u = j < kSobolDimensions
                             ? ScrambledSobolCoordinate(static_cast<int>(j), static_cast<std::uint32_t>(p), seed_)
                             : rng.Uniform();
        points(j, p) = space_.Snapped(static_cast<std::size_t>(j), u);
      }
    }
    Settle(&points);
    return points;
  }

  void Settle(MatrixXd* points) const {
    if (!space_.conditional()) return;
    for (Index p = 0; p < points->cols(); ++p) {
      std::vector<double> point(points->col(p).begin(), points->col(p).end());
      space_.Settle(&point);
      points->col(p) = Eigen::Map<const VectorXd>(point.data(), points->rows());
    }
  }

  const UnitSpace& space_;
  const GpModel& model_;
  const double offset_;
  const std::uint64_t seed_;
};

double SpreadOf(const Effect& effect) {
  const auto [low, high] = std::minmax_element(
      effect.points.begin(), effect.points.end(),
      [](const Effect::Point& a, const Effect::Point& b) { return a.metric.value < b.metric.value; });
  return effect.points.empty() ? 0 : high->metric.value - low->metric.value;
}

}  // namespace

absl::StatusOr<Effects> FindEffects(const SweepView& view, std::uint64_t seed) {
  const UnitSpace space(view.space);
  const GpHistory history = CompletedOnes(view, space);
  if (static_cast<std::int64_t>(history.outcomes.size()) < kLeastTrials) {
    return absl::FailedPreconditionError(
        absl::StrCat("effects need ", kLeastTrials, " completed trials; there are ", history.outcomes.size()));
  }
  std::vector<double> losses;
  for (const GpHistory::Outcome& outcome : history.outcomes) losses.push_back(outcome.loss);
  Effects effects;
  if (space.axes().empty()) return effects;
  const GpModel model = LearnGp(space, history, losses);
  const VectorXd& values = model.process.values();
  const double error = (values - model.process.LeftOutMeans()).squaredNorm();
  const double all = (values.array() - values.mean()).square().sum();
  effects.fit = all > 0 ? 1 - error / all : 0;
  if (!(effects.fit >= kLeastFit)) return effects;

  // The best loss is among those whose scale was left alone.
  const auto best = std::min_element(losses.begin(), losses.end());
  const double offset = *best - model.scale * values[best - losses.begin()];
  const Analysis analysis(space, model, offset, seed);
  for (std::size_t axis = 0; axis < space.axes().size(); ++axis) effects.effects.push_back(analysis.MainEffect(axis));

  std::vector<std::size_t> axes(space.axes().size());
  std::iota(axes.begin(), axes.end(), std::size_t{0});
  std::stable_sort(axes.begin(), axes.end(), [&](std::size_t a, std::size_t b) {
    return SpreadOf(effects.effects[a]) > SpreadOf(effects.effects[b]);
  });
  axes.resize(std::min(axes.size(), kMostPaired));
  const double variance = analysis.Variance();
  for (std::size_t i = 0; i < axes.size() && variance > 0; ++i) {
    for (std::size_t j = i + 1; j < axes.size(); ++j) {
      const double share = analysis.TogetherOnly(axes[i], axes[j]) / variance;
      if (share < kLeastShare) continue;
      effects.interactions.push_back({space.parameter(axes[i]).name, space.parameter(axes[j]).name, share});
    }
  }
  std::stable_sort(effects.interactions.begin(), effects.interactions.end(),
                   [](const Interaction& a, const Interaction& b) { return a.share > b.share; });
  return effects;
}

}  // namespace lorasweep::search
