#include "search/extrapolation_pruner.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_format.h"
#include "search/evaluations.h"
#include "search/normal.h"

namespace lorasweep::search {
namespace {

constexpr std::size_t kMostCompared = 100;  // completed trials, the newest

bool HasEnd(const Trial& trial) {
  return trial.state == TrialState::kCompleted && trial.warm_start_of < 0 && !trial.curve.empty() &&
         std::isfinite(trial.curve.back().value);
}

}  // namespace

std::optional<Forecast> ForecastEnd(const SweepView& view, const Trial& trial, std::int64_t full_sequences,
                                    std::int64_t min_trials) {
  const std::int64_t here = trial.curve.back().sequences;
  const std::optional<Forecast> own = Extrapolate(trial.curve, full_sequences);
  if (!own) return std::nullopt;
  std::vector<double> errors;
  for (auto other = view.trials.rbegin(); other != view.trials.rend() && errors.size() < kMostCompared; ++other) {
    if (other->number == trial.number || !HasEnd(*other)) continue;
    const Evaluation* then = FirstAtOrAfter(*other, here);
    if (then == nullptr || then == &other->curve.back()) continue;
    const auto seen = static_cast<std::size_t>(then - other->curve.data()) + 1;
    const std::optional<Forecast> forecast = Extrapolate(std::span(other->curve).first(seen), full_sequences);
    if (forecast) errors.push_back(other->curve.back().value - forecast->mean);
  }
  const auto count = static_cast<double>(errors.size());
  if (errors.empty() || static_cast<std::int64_t>(errors.size()) < min_trials) return std::nullopt;
  double mean = 0;
  for (const double error : errors) mean += error / count;
  double squares = 0;
  for (const double error : errors) squares += (error - mean) * (error - mean);
  // One more draw from a normal distribution known by so many is Student's, of which this is the variance; with too few
  // for one the curve's own forecast has to do.
  if (count <= 3) return Forecast{own->mean + mean, std::max(own->deviation, std::sqrt(squares / count))};
  return Forecast{own->mean + mean, std::sqrt(squares / (count - 3) * (1 + 1 / count))};
}

Verdict ExtrapolationPruner::Judge(const SweepView& view, const Trial& trial) const {
  if (trial.curve.empty() || IsFinal(trial.state)) return {};
  const Evaluation& news = trial.curve.back();
  if (!std::isfinite(news.value)) return {Verdict::Action::kStop, NotFiniteReason(news)};
  if (news.sequences < options_.min_sequences) return {};
  if (options_.full_sequences > 0 && news.sequences >= options_.full_sequences) return {};
  const Trial* best = nullptr;
  std::int64_t longest = 0;
  for (const Trial& other : view.trials) {
    if (other.number == trial.number || !HasEnd(other)) continue;
    longest = std::max(longest, other.curve.back().sequences);
    if (!IsNoWorseElsewhere(other, trial)) continue;
    if (best == nullptr || other.curve.back().value < best->curve.back().value) best = &other;
  }
  const std::int64_t full = options_.full_sequences > 0 ? options_.full_sequences : longest;
  if (best == nullptr || news.sequences >= full) return {};
  const std::optional<Forecast> end = ForecastEnd(view, trial, full, options_.min_trials);
  if (!end) return {};
  const double gap = best->curve.back().value - end->mean;
  const double probability = end->deviation > 0 ? NormalCdf(gap / end->deviation) : gap > 0 ? 1 : 0;
  const std::string text =
      absl::StrFormat("forecast to end at %.4f ± %.4f, %.4f worse than trial %d: a chance of %.1f %%", end->mean,
                      end->deviation, -gap, best->number, 100 * probability);
  if (probability >= options_.min_probability) return {Verdict::Action::kContinue, text};
  return {Verdict::Action::kStop, text};
}

}  // namespace lorasweep::search
