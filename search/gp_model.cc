#include "search/gp_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "search/gp_fit.h"
#include "search/normal.h"
#include "search/output_warp.h"

namespace lorasweep::search {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr std::size_t kGoodPoints = 5;
constexpr std::size_t kLeastTimed = 4;
// What a known point's standing says of its loss here, as variance while the sweep has no results of its own; as much
// again is added with each kKnownFade of them.
constexpr double kKnownNoise = 0.25;
constexpr double kKnownFade = 5;

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
GpData DataOf(const UnitSpace& space, const GpHistory& history, const std::vector<double>& losses, double* scale) {
  const std::vector<double> values = WarpLosses(losses, scale);
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

// The lowest fitted mean of a trial that keeps all constraints, as pending ones are believed to; of any, where none
// does. Were pending ones not counted, those next to them would promise as much again.
double Incumbent(const GaussianProcess& process, const std::vector<GpLimit>& limits, const GpHistory& history) {
  const VectorXd means = process.FittedMeans();
  double best = INFINITY;
  for (std::size_t i = 0; i < history.outcomes.size(); ++i) {
    const std::vector<double>& violations = history.outcomes[i].violations;
    if (std::any_of(violations.begin(), violations.end(), [](double v) { return v > 0; })) continue;
    best = std::min(best, means[static_cast<Index>(i)]);
  }
  for (const std::vector<double>& pending : history.pending) {
    const VectorXd point = Eigen::Map<const VectorXd>(pending.data(), static_cast<Index>(pending.size()));
    const auto breaks = [&point](const GpLimit& limit) { return limit.process.Predict(point).mean > limit.most; };
    if (std::none_of(limits.begin(), limits.end(), breaks)) best = std::min(best, process.Predict(point).mean);
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

}  // namespace

GpModel LearnGp(const UnitSpace& space, const GpHistory& history, const std::vector<double>& losses) {
  double scale = 1;
  const GpData data = DataOf(space, history, losses, &scale);
  GpModel model{GaussianProcess(data, FitGp(data)), 0, scale, LimitsOf(space, history), std::nullopt,
                GoodPoints(history, losses)};
  model.best = Incumbent(model.process, model.limits, history);
  return model;
}

std::optional<GpCost> LearnCost(const UnitSpace& space, const GpHistory& history) {
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

}  // namespace lorasweep::search
