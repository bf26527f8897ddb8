#include "search/gp_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "search/box_minimizer.h"
#include "search/log_ei.h"
#include "search/normal.h"
#include "search/sobol.h"

namespace lorasweep::search {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Screening costs a quadratic time a point: with a long history fewer points are looked at.
constexpr double kScreeningWork = 4e7;
constexpr double kLeastScreened = 256;
constexpr double kMostScreened = 2048;
constexpr double kLogSqrtTwoPi = 0.91893853320467274178;
constexpr int kStarts = 6;
constexpr double kStartsApart = 0.1;    // distance in the cube
constexpr int kRounds = 3;              // of continuous and discrete steps in turn
constexpr std::size_t kMostTried = 32;  // choices of one axis; of more only what screening drew is looked at

class Search {
 public:
  Search(const GpModel& model, const UnitSpace& space, Rng* rng)
      : process_(model.process),
        limits_(model.limits),
        cost_(model.cost),
        good_points_(model.good_points),
        space_(space),
        best_(model.best),
        rng_(rng) {}

  std::vector<GpCandidate> Screen(std::size_t count) {
    const auto axes = static_cast<Index>(space_.axes().size());
    MatrixXd points(axes, static_cast<Index>(count));
    const std::uint64_t scrambling = rng_->Below(UINT64_MAX);
    for (Index p = 0; p < points.cols(); ++p) {
      // A quarter are neighbours of good points.
      const bool is_neighbour = p % 4 == 0 && !good_points_.empty();
      if (is_neighbour) points.col(p) = Neighbour(good_points_[rng_->Below(good_points_.size())]);
      for (Index j = 0; j < axes && !is_neighbour; ++j) {
        const double u = j < kSobolDimensions
                             ? ScrambledSobolCoordinate(static_cast<int>(j), static_cast<std::uint32_t>(p), scrambling)
                             : rng_->Uniform();
        points(j, p) = space_.Snapped(static_cast<std::size_t>(j), u);
      }
      Settle(p, &points);
    }
    const VectorXd scores = ScoreAll(points);
    std::vector<GpCandidate> candidates;
    for (Index p = 0; p < points.cols(); ++p) {
      candidates.push_back({{points.col(p).begin(), points.col(p).end()}, scores[p]});
    }
    Sort(&candidates);
    return candidates;
  }

  GpCandidate Improve(const GpCandidate& start) {
    VectorXd x = Eigen::Map<const VectorXd>(start.point.data(), static_cast<Index>(start.point.size()));
    double score = start.log_improvement;
    for (int round = 0; round < kRounds; ++round) {
      const double before = score;
      FindContinuous(x);
      if (!continuous_.empty()) score = ClimbContinuous(&x);
      const bool moved = continuous_.size() < space_.axes().size() && StepDiscrete(&x, &score);
      if (!moved || score <= before) break;
    }
    GpCandidate result{{x.begin(), x.end()}, score};
    for (std::size_t j = 0; j < result.point.size(); ++j) result.point[j] = space_.Snapped(j, result.point[j]);
    space_.Settle(&result.point);
    return result;
  }

  static void Sort(std::vector<GpCandidate>* candidates) {
    std::stable_sort(candidates->begin(), candidates->end(),
                     [](const GpCandidate& a, const GpCandidate& b) { return a.log_improvement > b.log_improvement; });
  }

 private:
  void Settle(Index column, MatrixXd* points) const {
    if (!space_.conditional()) return;
    std::vector<double> point(points->col(column).begin(), points->col(column).end());
    space_.Settle(&point);
    points->col(column) = Eigen::Map<const VectorXd>(point.data(), points->rows());
  }

  // The axes that may be climbed along from `x`: continuous ones that are in use.
  void FindContinuous(const VectorXd& x) {
    continuous_.clear();
    const std::vector<bool> in_use = space_.InUse({x.begin(), x.end()});
    for (std::size_t j = 0; j < in_use.size(); ++j) {
      if (in_use[j] && space_.axes()[j].kind == UnitAxis::Kind::kContinuous)
        continuous_.push_back(static_cast<Index>(j));
    }
  }

  double Score(double mean, double variance) const {
    const double deviation = std::sqrt(variance);
    return std::log(deviation) + LogImprovement((best_ - mean) / deviation);
  }

  VectorXd ScoreAll(const MatrixXd& points) const {
    VectorXd means;
    VectorXd scores;
    process_.PredictAll(points, &means, &scores);
    for (Index p = 0; p < points.cols(); ++p) scores[p] = Score(means[p], scores[p]);
    for (const GpLimit& limit : limits_) {
      VectorXd variances;
      limit.process.PredictAll(points, &means, &variances);
      for (Index p = 0; p < points.cols(); ++p) {
        scores[p] += LogNormalCdf((limit.most - means[p]) / std::sqrt(variances[p]));
      }
    }
    if (cost_) {
      VectorXd variances;
      cost_->process.PredictAll(points, &means, &variances);
      scores -= cost_->scale * means;
    }
    return scores;
  }

  // A few axes of a good point changed, numbers by a little.
  VectorXd Neighbour(const std::vector<double>& point) {
    VectorXd x = Eigen::Map<const VectorXd>(point.data(), static_cast<Index>(point.size()));
    const double reach = std::pow(10.0, -3 * rng_->Uniform());
    const auto forced = static_cast<Index>(rng_->Below(point.size()));
    for (Index j = 0; j < x.size(); ++j) {
      if (j != forced && rng_->Uniform() < 0.5) continue;
      const auto axis = static_cast<std::size_t>(j);
      const bool categorical = space_.axes()[axis].kind == UnitAxis::Kind::kCategorical;
      const double u = categorical ? rng_->Uniform() : x[j] + 0.5 * reach * NormalQuantile(rng_->Uniform());
      x[j] = space_.Snapped(axis, std::clamp(u, 0.0, 1.0));
    }
    return x;
  }

  // The log probability of keeping a limit; takes its derivatives along continuous axes off `gradient`.
  double AddLimit(const GpLimit& limit, const VectorXd& point, VectorXd* gradient) const {
    VectorXd by_mean;
    VectorXd by_variance;
    const auto [mean, variance] = limit.process.Predict(point, &by_mean, &by_variance);
    const double deviation = std::sqrt(variance);
    const double z = (limit.most - mean) / deviation;
    const double log_probability = LogNormalCdf(z);
    const double slope = std::exp(-0.5 * z * z - kLogSqrtTwoPi - log_probability);  // of log Φ
    for (std::size_t i = 0; i < continuous_.size(); ++i) {
      const Index j = continuous_[i];
      (*gradient)[static_cast<Index>(i)] -= slope * (-by_mean[j] / deviation - z * by_variance[j] / (2 * variance));
    }
    return log_probability;
  }

  // The logarithm of what a trial costs; adds its derivatives along continuous axes to `gradient`.
  double AddCost(const VectorXd& point, VectorXd* gradient) const {
    VectorXd by_mean;
    VectorXd by_variance;
    const double mean = cost_->process.Predict(point, &by_mean, &by_variance).mean;
    for (std::size_t i = 0; i < continuous_.size(); ++i) {
      (*gradient)[static_cast<Index>(i)] += cost_->scale * by_mean[continuous_[i]];
    }
    return cost_->scale * mean;
  }

  double ClimbContinuous(VectorXd* x) const {
    const auto count = static_cast<Index>(continuous_.size());
    VectorXd point = *x;
    VectorXd mean_gradient;
    VectorXd variance_gradient;
    const SmoothFunction loss = [&](const VectorXd& part, VectorXd* gradient) {
      for (Index i = 0; i < count; ++i) point[continuous_[static_cast<std::size_t>(i)]] = part[i];
      const auto [mean, variance] = process_.Predict(point, &mean_gradient, &variance_gradient);
      const double deviation = std::sqrt(variance);
      const double z = (best_ - mean) / deviation;
      const double slope = LogImprovementSlope(z);
      gradient->resize(count);
      for (Index i = 0; i < count; ++i) {
        const Index j = continuous_[static_cast<std::size_t>(i)];
        (*gradient)[i] = slope / deviation * mean_gradient[j] - (1 - z * slope) * variance_gradient[j] / (2 * variance);
      }
      double score = Score(mean, variance);
      for (const GpLimit& limit : limits_) score += AddLimit(limit, point, gradient);
      if (cost_) score -= AddCost(point, gradient);
      return -score;
    };
    VectorXd start(count);
    for (Index i = 0; i < count; ++i) start[i] = (*x)[continuous_[static_cast<std::size_t>(i)]];
    const BoxMinimum found = MinimizeInBox(loss, start, VectorXd::Zero(count), VectorXd::Ones(count), {25, 1e-4, 1e-6});
    for (Index i = 0; i < count; ++i) (*x)[continuous_[static_cast<std::size_t>(i)]] = found.x[i];
    return -found.value;
  }

  // Moves to the best point that differs in one discrete axis, if that is better.
  bool StepDiscrete(VectorXd* x, double* score) const {
    std::vector<std::pair<Index, double>> changes;
    for (std::size_t j = 0; j < space_.axes().size(); ++j) {
      const auto axis = static_cast<Index>(j);
      if (space_.axes()[j].coordinates.size() > kMostTried) continue;
      for (const double coordinate : space_.axes()[j].coordinates) {
        if (coordinate != (*x)[axis]) changes.emplace_back(axis, coordinate);
      }
    }
    MatrixXd points = x->replicate(1, static_cast<Index>(changes.size()));
    for (std::size_t c = 0; c < changes.size(); ++c) {
      points(changes[c].first, static_cast<Index>(c)) = changes[c].second;
      Settle(static_cast<Index>(c), &points);
    }
    const VectorXd scores = ScoreAll(points);
    Index best = 0;
    if (scores.size() == 0 || !(scores.maxCoeff(&best) > *score + 1e-9)) return false;
    *x = points.col(best);
    *score = scores[best];
    return true;
  }

  const GaussianProcess& process_;
  const std::vector<GpLimit>& limits_;
  const std::optional<GpCost>& cost_;
  const std::vector<std::vector<double>>& good_points_;
  const UnitSpace& space_;
  const double best_;
  Rng* rng_;
  std::vector<Index> continuous_;  // of the point being improved
};

bool IsFarFrom(const std::vector<double>& point, const std::vector<GpCandidate>& others) {
  return std::all_of(others.begin(), others.end(), [&](const GpCandidate& other) {
    double squares = 0;
    for (std::size_t j = 0; j < point.size(); ++j) squares += (point[j] - other.point[j]) * (point[j] - other.point[j]);
    return squares > kStartsApart * kStartsApart;
  });
}

}  // namespace

std::vector<GpCandidate> FindImprovements(const GpModel& model, const UnitSpace& space, Rng* rng) {
  Search search(model, space, rng);
  const auto size = static_cast<double>(model.process.size());
  const double count = std::clamp(kScreeningWork / (size * size + 1), kLeastScreened, kMostScreened);
  std::vector<GpCandidate> candidates = search.Screen(static_cast<std::size_t>(count));
  std::vector<GpCandidate> starts;
  for (const GpCandidate& candidate : candidates) {
    if (starts.size() == kStarts) break;
    if (IsFarFrom(candidate.point, starts)) starts.push_back(candidate);
  }
  for (const GpCandidate& start : starts) candidates.push_back(search.Improve(start));
  Search::Sort(&candidates);
  return candidates;
}

}  // namespace lorasweep::search
