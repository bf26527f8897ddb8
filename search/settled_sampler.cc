#include "search/settled_sampler.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "search/gp_history.h"
#include "search/gp_search.h"
#include "search/leaderboard.h"

namespace lorasweep::search {
namespace {

constexpr std::size_t kFirstPlaces = 6;

// The median standard error of the gaps of the first places behind the first; nullopt where none has one.
std::optional<double> ErrorOfGaps(const SweepView& view) {
  std::vector<double> errors;
  for (const LeaderboardRow& row : Rank(view)) {
    if (errors.size() + 1 == kFirstPlaces) break;
    if (row.rank > 1 && row.gap.stderr_ > 0) errors.push_back(row.gap.stderr_);
  }
  if (errors.empty()) return std::nullopt;
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return *middle;
}

struct Outlook {
  double gain = 0;   // expected of the best further trial, in losses
  double error = 0;  // of a comparison
};

Outlook Expect(const UnitSpace& space, const GpHistory& history, std::optional<double> error, std::uint64_t seed) {
  std::vector<double> losses;
  for (const GpHistory::Outcome& outcome : history.outcomes) losses.push_back(outcome.loss);
  const GpModel model = LearnGp(space, history, losses);
  Rng rng(seed);
  const std::vector<GpCandidate> candidates = FindImprovements(model, space, &rng);
  const double gain = candidates.empty() ? 0 : std::exp(candidates[0].log_improvement) * model.scale;
  return {gain, error ? *error : std::sqrt(2 * model.process.params().noise) * model.scale};
}

}  // namespace

absl::StatusOr<Proposal> SettledSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  const UnitSpace space(view.space);
  const auto completed =
      static_cast<std::size_t>(std::count_if(view.trials.begin(), view.trials.end(), [](const Trial& trial) {
        return trial.state == TrialState::kCompleted && trial.repeat_of < 0;
      }));
  if (space.axes().empty() || completed < std::max(kLeastTrials, 2 * space.axes().size())) {
    return inner_->Suggest(view, seed);
  }
  GpHistory history = CollectOutcomes(view, space);
  const std::optional<double> error = ErrorOfGaps(view);
  Outlook now;
  for (int without = 0; without < kInARow && !history.outcomes.empty(); ++without) {
    const Outlook outlook = Expect(space, history, error, seed);
    if (!(outlook.gain < outlook.error)) return inner_->Suggest(view, seed);
    if (without == 0) now = outlook;
    history.outcomes.pop_back();
  }
  return SpaceExhausted{absl::StrFormat(
      "settled after %d completed trials: one more is expected to gain %.2g at best, less than the error of a "
      "comparison, %.2g",
      completed, now.gain, now.error)};
}

}  // namespace lorasweep::search
