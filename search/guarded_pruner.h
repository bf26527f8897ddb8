#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include "search/pruner.h"

namespace lorasweep::search {

struct GuardOptions {
  double worst_value = std::numeric_limits<double>::infinity();  // a trial with a worse value is stopped
  std::int64_t patience = 0;        // and one after so many evaluations in a row without a gain (0: never)
  double min_gain = 0;              // a gain is more than this below the best before
  std::int64_t min_sequences = 0;   // guards look at nothing before
  std::int64_t full_sequences = 0;  // nor at a trial that has seen as many (0: unknown)
};

// Watches each trial by itself, then asks another pruner. The untrained model's value counts as a trial's first.
class GuardedPruner : public Pruner {
 public:
  GuardedPruner(std::unique_ptr<Pruner> inner, const GuardOptions& options);

  Verdict Judge(const SweepView& view, const Trial& trial) const override;

 private:
  const std::unique_ptr<Pruner> inner_;
  const GuardOptions options_;
};

}  // namespace lorasweep::search
