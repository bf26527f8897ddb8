#include "search/median_pruner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
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

// The middle one, or between the middle two (infinite when either is).
double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

}  // namespace

MedianPruner::MedianPruner(std::int64_t min_sequences, std::int64_t min_trials, std::int64_t full_sequences)
    : min_sequences_(min_sequences),
      min_trials_(std::max<std::int64_t>(min_trials, 1)),
      full_sequences_(full_sequences) {}

Verdict MedianPruner::Judge(const SweepView& view, const Trial& trial) const {
  if (trial.curve.empty() || IsFinal(trial.state)) return {};
  const Evaluation& news = trial.curve.back();
  if (news.sequences < min_sequences_) return {};
  if (!std::isfinite(news.value)) return {Verdict::Action::kStop, NotFiniteReason(news)};
  if (full_sequences_ > 0 && news.sequences >= full_sequences_) return {};
  const std::optional<double> own = BestUpTo(trial, news.sequences);
  if (!own) return {};

  std::vector<double> others;
  for (const Trial& other : view.trials) {
    if (other.number == trial.number || FirstAtOrAfter(other, news.sequences) == nullptr) continue;
    const std::optional<double> best = BestUpTo(other, news.sequences);
    if (best) others.push_back(other.state == TrialState::kInfeasible ? kWorst : *best);
  }
  if (static_cast<std::int64_t>(others.size()) < min_trials_) return {};
  const double median = Median(others);
  if (*own <= median) return {};
  return {Verdict::Action::kStop,
          absl::StrFormat("best value so far %.4f, %.4f worse than the median of %d other trials at %d sequences", *own,
                          *own - median, others.size(), news.sequences)};
}

}  // namespace lorasweep::search
