#include "search/leaderboard.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "search/pareto.h"

namespace lorasweep::search {
namespace {

bool HasSequences(const Evaluation& evaluation) {
  return !evaluation.sequence_losses.empty() && evaluation.sequence_losses.size() == evaluation.sequence_tokens.size();
}

// Sum of y over sum of x, and its standard error when the pairs are a random sample: the variance of the residuals
// y - R x (Cochran 1977, eq. 6.13, without the finite population correction).
template <class Numerator>
Estimate Ratio(const std::vector<std::int32_t>& x, Numerator y) {
  double sum_x = 0;
  double sum_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum_x += x[i];
    sum_y += y(i);
  }
  const double ratio = sum_y / sum_x;
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double residual = y(i) - ratio * x[i];
    squares += residual * residual;
  }
  const auto n = static_cast<double>(x.size());
  return {ratio, x.size() > 1 ? std::sqrt(n / (n - 1) * squares) / sum_x : 0};
}

struct Candidate {
  const Trial* trial;
  bool completed;
  const Evaluation* last;
  double violation = 0;
  int front = 0;  // from 1; 0: on none
};

bool Better(const Candidate& a, const Candidate& b) {
  if (a.violation != b.violation) return a.violation < b.violation;
  if (a.completed != b.completed) return a.completed;
  if (a.front != b.front) return a.front > 0 && (b.front == 0 || a.front < b.front);
  if (!a.completed && std::tie(a.last->sequences, a.last->step) != std::tie(b.last->sequences, b.last->step)) {
    return std::tie(a.last->sequences, a.last->step) > std::tie(b.last->sequences, b.last->step);
  }
  return std::tie(a.last->value, a.trial->number) < std::tie(b.last->value, b.trial->number);
}

std::vector<Candidate> Candidates(const SweepView& view) {
  std::vector<Candidate> candidates;
  for (const Trial& trial : view.trials) {
    if (trial.state == TrialState::kInfeasible || trial.state == TrialState::kFailed ||
        trial.state == TrialState::kCancelled || trial.curve.empty()) {
      continue;
    }
    const bool completed = trial.state == TrialState::kCompleted;
    const Evaluation& last = trial.curve.back();
    if (std::isfinite(last.value) && (completed || last.step > 0)) {
      candidates.push_back({&trial, completed, &last, TotalViolation(trial)});
    }
  }
  return candidates;
}

// Finds the fronts of completed trials that keep all constraints and have all objectives.
void FindFronts(std::vector<Candidate>* candidates) {
  std::vector<Candidate*> members;
  std::vector<Losses> losses;
  for (Candidate& candidate : *candidates) {
    const std::vector<double>& others = candidate.trial->others;
    const bool known = std::all_of(others.begin(), others.end(), [](double value) { return std::isfinite(value); });
    if (!candidate.completed || candidate.violation > 0 || others.empty() || !known) continue;
    members.push_back(&candidate);
    losses.push_back(others);
    losses.back().push_back(candidate.last->value);
  }
  const std::vector<int> fronts = Fronts(losses, losses.size());
  for (std::size_t i = 0; i < members.size(); ++i) members[i]->front = fronts[i] + 1;
}

// Fills the row's gap from the last trained step at which both have a finite value.
void FillGap(const Trial& trial, const Trial& best, LeaderboardRow* row) {
  auto a = trial.curve.rbegin();
  auto b = best.curve.rbegin();
  while (a != trial.curve.rend() && b != best.curve.rend() && a->step > 0 && b->step > 0) {
    if (a->step > b->step) {
      ++a;
    } else if (b->step > a->step) {
      ++b;
    } else if (!std::isfinite(a->value) || !std::isfinite(b->value)) {
      ++a;
      ++b;
    } else {
      row->gap = PairedDifference(*a, *b);
      row->gap_step = a->step;
      return;
    }
  }
  row->gap = {trial.curve.back().value - best.curve.back().value, 0};
}

}  // namespace

Estimate MeanLoss(const Evaluation& evaluation) {
  if (!HasSequences(evaluation)) return {evaluation.value, 0};
  const Estimate mean =
      Ratio(evaluation.sequence_tokens, [&](std::size_t i) { return double{evaluation.sequence_losses[i]}; });
  return std::isfinite(mean.value) && std::isfinite(mean.stderr_) ? mean : Estimate{evaluation.value, 0};
}

Estimate PairedDifference(const Evaluation& a, const Evaluation& b) {
  const Estimate plain{a.value - b.value, 0};
  if (!HasSequences(a) || !HasSequences(b) || a.sequence_tokens != b.sequence_tokens) return plain;
  const Estimate paired = Ratio(
      a.sequence_tokens, [&](std::size_t i) { return double{a.sequence_losses[i]} - double{b.sequence_losses[i]}; });
  return std::isfinite(paired.value) && std::isfinite(paired.stderr_) ? paired : plain;
}

std::vector<LeaderboardRow> Rank(const SweepView& view) {
  std::vector<Candidate> candidates = Candidates(view);
  FindFronts(&candidates);
  std::sort(candidates.begin(), candidates.end(), Better);
  std::vector<LeaderboardRow> rows;
  rows.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    LeaderboardRow row;
    row.rank = static_cast<int>(rows.size()) + 1;
    row.trial = candidate.trial->number;
    row.value = MeanLoss(*candidate.last);
    FillGap(*candidate.trial, *candidates.front().trial, &row);
    row.tied_with_best = std::abs(row.gap.value) <= 2 * row.gap.stderr_;
    row.front = candidate.front;
    row.violation = candidate.violation;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace lorasweep::search
