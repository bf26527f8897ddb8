#include "search/tpe_history.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace lorasweep::search {
namespace {

constexpr int kMostGood = 25;

struct Scored {
  const Trial* trial;
  std::size_t index;  // into the coordinates
  bool pruned;
};

// Order of merit; later numbers lose ties.
bool Better(const Scored& a, const Scored& b) {
  if (a.pruned != b.pruned) return b.pruned;
  const Evaluation& x = a.trial->curve.back();
  const Evaluation& y = b.trial->curve.back();
  // Sequences first: steps of trials with different batch sizes do not compare.
  const std::int64_t x_far[] = {a.pruned ? -x.sequences : 0, a.pruned ? -x.step : 0};
  const std::int64_t y_far[] = {b.pruned ? -y.sequences : 0, b.pruned ? -y.step : 0};
  return std::tie(x_far[0], x_far[1], x.value, a.trial->number) <
         std::tie(y_far[0], y_far[1], y.value, b.trial->number);
}

bool HasFiniteValue(const Trial& trial) {
  return !trial.curve.empty() && std::isfinite(trial.curve.back().value);
}

}  // namespace

TpeHistory SplitTrials(const SweepView& view, const TpeSpace& space) {
  TpeHistory history;
  std::vector<std::vector<double>> points;
  std::vector<Scored> scored;
  for (const Trial& trial : view.trials) {
    if (trial.state == TrialState::kFailed || trial.state == TrialState::kCancelled) continue;
    std::optional<std::vector<double>> point = space.CoordinatesOf(trial.params);
    if (!point) continue;
    ++(IsFinal(trial.state) ? history.finished : history.pending);
    const bool pruned = trial.state == TrialState::kPruned;
    if ((trial.state == TrialState::kCompleted || pruned) && HasFiniteValue(trial)) {
      scored.push_back({&trial, points.size(), pruned});
    }
    points.push_back(*std::move(point));
  }
  const int most = std::min((history.finished + 9) / 10, kMostGood);
  const auto good = std::min(static_cast<std::size_t>(most), scored.size());
  std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(good), scored.end(), Better);
  std::vector<bool> is_good(points.size());
  for (std::size_t i = 0; i < good; ++i) is_good[scored[i].index] = true;
  for (std::size_t i = 0; i < points.size(); ++i)
    (is_good[i] ? history.good : history.rest).push_back(std::move(points[i]));
  return history;
}

}  // namespace lorasweep::search
