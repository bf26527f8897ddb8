#include "search/gp_history.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "search/outcomes.h"

namespace lorasweep::search {
namespace {

// Keeps half of the most with the lowest losses, half the newest.
void Thin(GpHistory* history) {
  auto& outcomes = history->outcomes;
  if (outcomes.size() > kMostObserved) {
    const std::size_t newest = outcomes.size() - kMostObserved / 2;
    std::vector<std::size_t> order(newest);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::nth_element(order.begin(), order.begin() + kMostObserved / 2, order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(outcomes[a].loss, a) < std::pair(outcomes[b].loss, b);
    });
    order.resize(kMostObserved / 2);
    std::sort(order.begin(), order.end());
    for (std::size_t i = newest; i < outcomes.size(); ++i) order.push_back(i);
    std::vector<GpHistory::Outcome> thinned;
    for (const std::size_t i : order) thinned.push_back(std::move(outcomes[i]));
    outcomes = std::move(thinned);
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
    if (loss) {
      const double seconds = trial.state == TrialState::kCompleted ? trial.seconds : NAN;
      history.outcomes.push_back({*std::move(point), *loss, trial.others, trial.violations, seconds});
    } else {
      history.pending.push_back(*std::move(point));
    }
  }
  Thin(&history);
  for (const KnownPoint& known : view.known.first(std::min(view.known.size(), kMostKnown))) {
    std::optional<std::vector<double>> point = space.CoordinatesOf(known.params);
    if (!point) continue;
    history.known.push_back(*std::move(point));
    history.standings.push_back(known.standing);
  }
  return history;
}

}  // namespace lorasweep::search
