#pragma once

#include <cstdint>
#include <optional>

#include "search/extrapolation.h"
#include "search/pruner.h"

namespace lorasweep::search {

struct ExtrapolationOptions {
  double min_probability = 0.05;    // in (0, 1)
  std::int64_t min_sequences = 0;   // never judges before
  std::int64_t min_trials = 5;      // nor with fewer completed trials; at least 1
  std::int64_t full_sequences = 0;  // a trial that has seen as many is done; 0: as many as the longest completed one
};

// Stops a trial whose chance to end better than the best completed one is too small, as its learning curve and those of
// the completed trials forecast it (after Domhan et al. 2015). Where the completed trials ended is held against what
// Extrapolate had made of them at the same point: the mean error corrects the forecast, which a schedule that bends all
// curves alike would spoil, and the errors' spread is its uncertainty. Judges once a trial has three evaluations. With
// several objectives only completed trials that are no worse in any other one count as better.
class ExtrapolationPruner : public Pruner {
 public:
  explicit ExtrapolationPruner(const ExtrapolationOptions& options) : options_(options) {}

  Verdict Judge(const SweepView& view, const Trial& trial) const override;

 private:
  const ExtrapolationOptions options_;
};

// Where `trial` will end, by its curve and the completed trials'. nullopt: with fewer than `min_trials` of these that
// came past the same point, or fewer than three evaluations of its own.
std::optional<Forecast> ForecastEnd(const SweepView& view, const Trial& trial, std::int64_t full_sequences,
                                    std::int64_t min_trials);

}  // namespace lorasweep::search
