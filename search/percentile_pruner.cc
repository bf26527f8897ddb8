#include "search/percentile_pruner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "search/evaluations.h"

namespace lorasweep::search {
namespace {

constexpr double kWorst = std::numeric_limits<double>::infinity();

// The lowest value of the trained model within `sequences`; nullopt before its first evaluation.
std::optional<double> BestUpTo(const Trial& trial, std::int64_t sequences) {
  std::optional<double> best;
  for (const Evaluation& evaluation : trial.curve) {
    if (evaluation.step == 0) continue;
    if (evaluation.sequences > sequences) break;
    best = std::min(best.value_or(kWorst), FiniteOrWorst(evaluation.value));
  }
  return best;
}

// As numpy.percentile, but that infinities are allowed.
double Percentile(const std::vector<double>& sorted, double percentile) {
  const double place = percentile / 100 * static_cast<double>(sorted.size() - 1);
  const auto index = static_cast<std::size_t>(place);
  const double share = place - static_cast<double>(index);
  const double low = sorted[index];
  const double high = share > 0 ? sorted[index + 1] : low;
  return low == high ? low : low + share * (high - low);
}

}  // namespace

Verdict PercentilePruner::Judge(const SweepView& view, const Trial& trial) const {
  if (trial.curve.empty() || IsFinal(trial.state)) return {};
  const Evaluation& news = trial.curve.back();
  if (news.sequences < options_.min_sequences) return {};
  if (!std::isfinite(news.value)) return {Verdict::Action::kStop, NotFiniteReason(news)};
  if (options_.full_sequences > 0 && news.sequences >= options_.full_sequences) return {};
  const std::optional<double> own = BestUpTo(trial, news.sequences);
  if (!own) return {};

  std::vector<double> others;
  for (const Trial& other : view.trials) {
    if (other.number == trial.number || FirstAtOrAfter(other, news.sequences) == nullptr) continue;
    const std::optional<double> best = BestUpTo(other, news.sequences);
    if (!best) continue;
    // One that is worse elsewhere is no reason to stop.
    const bool counts = other.state != TrialState::kInfeasible && IsNoWorseElsewhere(other, trial);
    others.push_back(counts ? *best : kWorst);
  }
  if (static_cast<std::int64_t>(others.size()) < std::max<std::int64_t>(options_.min_trials, 1)) return {};
  std::sort(others.begin(), others.end());
  const auto ahead = std::lower_bound(others.begin(), others.end(), *own) - others.begin();
  const double limit = Percentile(others, options_.percentile);
  if (*own <= limit || ahead < options_.keep) return {};
  const std::string what = options_.percentile == 50 ? "median" : absl::StrFormat("best %g %%", options_.percentile);
  return {Verdict::Action::kStop,
          absl::StrFormat("best value so far %.4f, %.4f worse than the %s of %d other trials at %d sequences", *own,
                          *own - limit, what, others.size(), news.sequences)};
}

}  // namespace lorasweep::search
