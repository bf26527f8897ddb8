#pragma once

#include "search/grid_sampler.h"
#include "search/sampler.h"
#include "search/tpe_sampler.h"

namespace lorasweep::search {

// Chooses by the space: the grid where it has at most kSmallGrid points, so few that a model cannot help, else TPE. The
// reason says which. Backs the methods "auto" and "bayes".
class AutoSampler : public Sampler {
 public:
  static constexpr std::int64_t kSmallGrid = 10;

  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;

 private:
  GridSampler grid_;
  TpeSampler tpe_;
};

}  // namespace lorasweep::search
