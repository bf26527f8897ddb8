#include "search/outcomes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "search/evaluations.h"

namespace lorasweep::search {
namespace {

constexpr double kWorst = std::numeric_limits<double>::infinity();

bool IsTrained(const Evaluation& evaluation) {
  return evaluation.step > 0 && std::isfinite(evaluation.value);
}

}  // namespace

Outcomes::Outcomes(const SweepView& view) : best_(kWorst) {
  for (const Trial& trial : view.trials) {
    if (trial.state != TrialState::kCompleted || trial.warm_start_of >= 0 || trial.curve.empty() ||
        !IsTrained(trial.curve.back())) {
      continue;
    }
    completed_.push_back(&trial);
    best_ = std::min(best_, trial.curve.back().value);
  }
}

std::optional<double> Outcomes::LossOf(const Trial& trial) {
  if (trial.warm_start_of >= 0) return std::nullopt;
  switch (trial.state) {
    case TrialState::kCompleted:
      return trial.curve.empty() ? kWorst : FiniteOrWorst(trial.curve.back().value);
    case TrialState::kPruned:
      return trial.curve.empty() ? kWorst : FinalLoss(trial.curve.back());
    case TrialState::kInfeasible:
      return kWorst;
    default:
      return std::nullopt;
  }
}

double Outcomes::FinalLoss(const Evaluation& last) {
  if (!std::isfinite(last.value) || completed_.empty()) return FiniteOrWorst(last.value);
  return std::max(last.value + MedianGain(last.sequences), best_);
}

// Of the completed trials' losses from `sequences` on to their ends; 0 where none tells.
double Outcomes::MedianGain(std::int64_t sequences) {
  const auto [entry, is_new] = gains_.try_emplace(sequences, 0);
  if (!is_new) return entry->second;
  std::vector<double> gains;
  for (const Trial* trial : completed_) {
    const Evaluation* evaluation = FirstAtOrAfter(*trial, sequences);
    if (evaluation != nullptr && IsTrained(*evaluation)) gains.push_back(trial->curve.back().value - evaluation->value);
  }
  if (gains.empty()) return 0;
  const auto middle = gains.begin() + static_cast<std::ptrdiff_t>(gains.size() / 2);
  std::nth_element(gains.begin(), middle, gains.end());
  return entry->second = *middle;
}

}  // namespace lorasweep::search
