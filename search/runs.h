#pragma once

#include <span>
#include <vector>

#include "search/sweep_view.h"

namespace lorasweep::search {

// A point with all trials that trained it: the one that was proposed, and the completed ones that repeat it with other
// seeds. Borrows the view's trials.
struct Runs {
  const Trial* first = nullptr;
  std::vector<const Trial*> repeats = {};  // completed, with a finite last value
  int diverged = 0;                        // repeats that ended infeasible

  std::size_t count() const { return 1 + repeats.size(); }
};

// Of each proposed trial of the view its runs, by the trial's number.
std::vector<Runs> GroupRuns(const SweepView& view);

// Means over the runs of the last value, of Trial::others and of Trial::violations. The curve of `first` is not empty.
double MeanLastValue(const Runs& runs);
std::vector<double> MeanOthers(const Runs& runs);
double MeanViolation(const Runs& runs);

// Deviation of the runs' last values from their mean (n - 1); 0 for a single run.
double SpreadOf(const Runs& runs);

// The mean of the runs' evaluations at `step`, over those that have a finite one there; sequence by sequence where all
// are over the same sequences. `first` has one.
Evaluation MeanEvaluation(const Runs& runs, std::int64_t step);

// What another seed changes: the variance of a run's last value around the mean of its point, over all points with
// repeats together, with its degrees of freedom. Both 0 where nothing was repeated.
struct SeedVariance {
  double variance = 0;
  double degrees = 0;
};
SeedVariance PoolSeedVariance(std::span<const Runs> points);

}  // namespace lorasweep::search
