#include "search/leaderboard.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "search/interval.h"
#include "search/pareto.h"
#include "search/runs.h"

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
  Runs runs;
  bool completed = false;
  bool confirmed = false;  // repeated, and all repeats trained well
  const Evaluation* last = nullptr;
  double value = 0;
  std::vector<double> others = {};
  double violation = 0;
  int front = 0;  // from 1; 0: on none
};

bool Better(const Candidate& a, const Candidate& b) {
  if (a.violation != b.violation) return a.violation < b.violation;
  if (a.completed != b.completed) return a.completed;
  if (a.front != b.front) return a.front > 0 && (b.front == 0 || a.front < b.front);
  if (a.confirmed != b.confirmed) return a.confirmed;
  if (!a.completed && std::tie(a.last->sequences, a.last->step) != std::tie(b.last->sequences, b.last->step)) {
    return std::tie(a.last->sequences, a.last->step) > std::tie(b.last->sequences, b.last->step);
  }
  return std::tie(a.value, a.runs.first->number) < std::tie(b.value, b.runs.first->number);
}

std::vector<Candidate> Candidates(std::vector<Runs> points) {
  std::vector<Candidate> candidates;
  for (Runs& runs : points) {
    const Trial& trial = *runs.first;
    if (trial.state == TrialState::kInfeasible || trial.state == TrialState::kFailed ||
        trial.state == TrialState::kCancelled || trial.curve.empty()) {
      continue;
    }
    const bool completed = trial.state == TrialState::kCompleted;
    const Evaluation& last = trial.curve.back();
    if (!std::isfinite(last.value) || !(completed || last.step > 0)) continue;
    Candidate& candidate = candidates.emplace_back();
    candidate.completed = completed;
    candidate.confirmed = !runs.repeats.empty() && runs.diverged == 0;
    candidate.last = &last;
    candidate.value = MeanLastValue(runs);
    candidate.others = MeanOthers(runs);
    candidate.violation = MeanViolation(runs);
    candidate.runs = std::move(runs);
  }
  return candidates;
}

// Finds the fronts of completed points that keep all constraints and have all objectives.
void FindFronts(std::vector<Candidate>* candidates) {
  std::vector<Candidate*> members;
  std::vector<Losses> losses;
  for (Candidate& candidate : *candidates) {
    const std::vector<double>& others = candidate.others;
    const bool known = std::all_of(others.begin(), others.end(), [](double value) { return std::isfinite(value); });
    if (!candidate.completed || candidate.violation > 0 || others.empty() || !known) continue;
    members.push_back(&candidate);
    losses.push_back(others);
    losses.back().push_back(candidate.value);
  }
  const std::vector<int> fronts = Fronts(losses, losses.size());
  for (std::size_t i = 0; i < members.size(); ++i) members[i]->front = fronts[i] + 1;
}

// The last trained step at which both trials have a finite value; 0: there is none.
std::int64_t CommonStep(const Trial& trial, const Trial& best) {
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
      return a->step;
    }
  }
  return 0;
}

// Fills the row's gap to `best`; returns the degrees of freedom of its error, by Satterthwaite's rule.
double FillGap(const Runs& runs, const Runs& best, const SeedVariance& seeds, LeaderboardRow* row) {
  row->gap_step = CommonStep(*runs.first, *best.first);
  if (row->gap_step == 0) {
    row->gap = {MeanLastValue(runs) - MeanLastValue(best), 0};
    return 1;
  }
  const Evaluation own = MeanEvaluation(runs, row->gap_step);
  row->gap = PairedDifference(own, MeanEvaluation(best, row->gap_step));
  const double between_sequences = row->gap.stderr_ * row->gap.stderr_;
  const double sequences = std::max(static_cast<double>(own.sequence_losses.size()) - 1, 1.0);
  if (seeds.variance == 0 || runs.first == best.first) return sequences;
  const double between_seeds =
      seeds.variance * (1 / static_cast<double>(runs.count()) + 1 / static_cast<double>(best.count()));
  const double both = between_sequences + between_seeds;
  row->gap.stderr_ = std::sqrt(both);
  return both * both /
         (between_sequences * between_sequences / sequences + between_seeds * between_seeds / seeds.degrees);
}

// Fills margins and ties from the gaps and their degrees of freedom.
void FillMargins(const std::vector<double>& degrees, std::vector<LeaderboardRow>* rows) {
  std::map<std::pair<std::int64_t, double>, double> reaches;  // found so far: few differ
  const auto reach = [&](std::int64_t rivals, double freedom) {
    const auto [entry, is_new] = reaches.try_emplace({rivals, freedom}, 0);
    if (is_new) entry->second = IntervalReach(rivals, freedom);
    return entry->second;
  };
  std::int64_t tied = 0;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    LeaderboardRow& row = (*rows)[i];
    row.margin = row.gap.stderr_ > 0 ? reach(1, degrees[i]) * row.gap.stderr_ : 0;
    row.tied_with_best = std::abs(row.gap.value) <= row.margin;
    tied += row.tied_with_best && (row.margin > 0 || i == 0) ? 1 : 0;
  }
  for (std::size_t i = 1; i < rows->size(); ++i) {
    LeaderboardRow& row = (*rows)[i];
    if (row.margin == 0) continue;
    row.margin = reach(std::max<std::int64_t>(tied - (row.tied_with_best ? 1 : 0), 1), degrees[i]) * row.gap.stderr_;
  }
  for (LeaderboardRow& row : *rows) row.tied_with_best = std::abs(row.gap.value) <= row.margin;
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
  std::vector<Runs> points = GroupRuns(view);
  const SeedVariance seeds = PoolSeedVariance(points);
  std::vector<Candidate> candidates = Candidates(std::move(points));
  FindFronts(&candidates);
  std::sort(candidates.begin(), candidates.end(), Better);
  std::vector<LeaderboardRow> rows;
  std::vector<double> degrees;
  rows.reserve(candidates.size());
  for (Candidate& candidate : candidates) {
    const Runs& runs = candidate.runs;
    LeaderboardRow row;
    row.rank = static_cast<int>(rows.size()) + 1;
    row.trial = runs.first->number;
    row.runs = static_cast<int>(runs.count());
    row.diverged = runs.diverged;
    row.value = runs.repeats.empty()
                    ? MeanLoss(*candidate.last)
                    : Estimate{candidate.value, MeanLoss(MeanEvaluation(runs, candidate.last->step)).stderr_};
    row.spread = SpreadOf(runs);
    degrees.push_back(FillGap(runs, candidates.front().runs, seeds, &row));
    row.front = candidate.front;
    row.violation = candidate.violation;
    row.others = std::move(candidate.others);
    rows.push_back(std::move(row));
  }
  FillMargins(degrees, &rows);
  return rows;
}

}  // namespace lorasweep::search
