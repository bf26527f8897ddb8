#include "search/runs.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace lorasweep::search {
namespace {

// Calls `look` with every trial of the runs.
template <typename Look>
void ForEach(const Runs& runs, const Look& look) {
  look(*runs.first);
  for (const Trial* repeat : runs.repeats) look(*repeat);
}

double SquaredDeviations(const Runs& runs) {
  const double mean = MeanLastValue(runs);
  double sum = 0;
  ForEach(runs, [&](const Trial& trial) { sum += std::pow(trial.curve.back().value - mean, 2); });
  return sum;
}

std::vector<double> Mean(const Runs& runs, std::vector<double> Trial::*values) {
  std::vector<double> mean((runs.first->*values).size(), 0.0);
  ForEach(runs, [&](const Trial& trial) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] += (trial.*values)[i] / static_cast<double>(runs.count());
    }
  });
  return mean;
}

}  // namespace

std::vector<Runs> GroupRuns(const SweepView& view) {
  std::vector<Runs> points;
  std::vector<std::size_t> places(view.trials.size());
  for (const Trial& trial : view.trials) {
    if (trial.repeat_of < 0) {
      places[static_cast<std::size_t>(trial.number)] = points.size();
      points.push_back({.first = &trial});
      continue;
    }
    Runs& runs = points[places[static_cast<std::size_t>(trial.repeat_of)]];
    if (trial.state == TrialState::kInfeasible) ++runs.diverged;
    if (trial.state == TrialState::kCompleted && !trial.curve.empty() && std::isfinite(trial.curve.back().value)) {
      runs.repeats.push_back(&trial);
    }
  }
  return points;
}

double MeanLastValue(const Runs& runs) {
  if (runs.repeats.empty()) return runs.first->curve.back().value;
  double sum = 0;
  ForEach(runs, [&](const Trial& trial) { sum += trial.curve.back().value; });
  return sum / static_cast<double>(runs.count());
}

std::vector<double> MeanOthers(const Runs& runs) {
  return runs.repeats.empty() ? runs.first->others : Mean(runs, &Trial::others);
}

double MeanViolation(const Runs& runs) {
  Trial mean;
  mean.violations = runs.repeats.empty() ? runs.first->violations : Mean(runs, &Trial::violations);
  return TotalViolation(mean);
}

double SpreadOf(const Runs& runs) {
  if (runs.repeats.empty()) return 0;
  return std::sqrt(SquaredDeviations(runs) / static_cast<double>(runs.repeats.size()));
}

Evaluation MeanEvaluation(const Runs& runs, std::int64_t step) {
  std::vector<const Evaluation*> found;
  ForEach(runs, [&](const Trial& trial) {
    const auto at = std::lower_bound(trial.curve.begin(), trial.curve.end(), step,
                                     [](const Evaluation& evaluation, std::int64_t s) { return evaluation.step < s; });
    if (at != trial.curve.end() && at->step == step && std::isfinite(at->value)) found.push_back(&*at);
  });
  Evaluation mean = *found.front();
  if (found.size() == 1) return mean;
  const auto alike = [&](const Evaluation* one) {
    return one->sequence_tokens == mean.sequence_tokens && one->sequence_losses.size() == mean.sequence_losses.size();
  };
  const bool paired = std::all_of(found.begin(), found.end(), alike);
  if (!paired) mean.sequence_losses.clear();
  if (!paired) mean.sequence_tokens.clear();
  mean.value = 0;
  std::vector<double> sums(mean.sequence_losses.size());
  for (const Evaluation* one : found) {
    mean.value += one->value / static_cast<double>(found.size());
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += double{one->sequence_losses[i]};
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    mean.sequence_losses[i] = static_cast<float>(sums[i] / static_cast<double>(found.size()));
  }
  return mean;
}

SeedVariance PoolSeedVariance(std::span<const Runs> points) {
  SeedVariance pooled;
  for (const Runs& runs : points) {
    if (runs.repeats.empty()) continue;
    pooled.variance += SquaredDeviations(runs);
    pooled.degrees += static_cast<double>(runs.repeats.size());
  }
  if (pooled.degrees > 0) pooled.variance /= pooled.degrees;
  return pooled;
}

}  // namespace lorasweep::search
