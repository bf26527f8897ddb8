#include "search/gp_history.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "search/outcomes.h"

namespace lorasweep::search {
namespace {

// Keeps half of the most with the lowest losses, half the newest.
void Thin(GpHistory* history) {
  const std::size_t count = history->losses.size();
  if (count > kMostObserved) {
    const std::size_t newest = count - kMostObserved / 2;
    std::vector<std::size_t> order(newest);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::nth_element(order.begin(), order.begin() + kMostObserved / 2, order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(history->losses[a], a) < std::pair(history->losses[b], b);
    });
    order.resize(kMostObserved / 2);
    std::sort(order.begin(), order.end());
    for (std::size_t i = newest; i < count; ++i) order.push_back(i);
    GpHistory thinned;
    for (const std::size_t i : order) {
      thinned.points.push_back(std::move(history->points[i]));
      thinned.losses.push_back(history->losses[i]);
    }
    history->points = std::move(thinned.points);
    history->losses = std::move(thinned.losses);
  }
  if (history->pending.size() > kMostPending) {
    history->pending.erase(history->pending.begin(), history->pending.end() - std::ptrdiff_t{kMostPending});
  }
}

}  // namespace

GpHistory CollectOutcomes(const SweepView& view, const UnitSpace& space) {
  GpHistory history;
  Outcomes outcomes(view);
  for (const Trial& trial : view.trials) {
    const std::optional<double> loss = outcomes.LossOf(trial);
    if (!loss && IsFinal(trial.state)) continue;
    std::optional<std::vector<double>> point = space.CoordinatesOf(trial.params);
    if (!point) continue;
    (loss ? history.points : history.pending).push_back(*std::move(point));
    if (loss) history.losses.push_back(*loss);
  }
  Thin(&history);
  return history;
}

}  // namespace lorasweep::search
