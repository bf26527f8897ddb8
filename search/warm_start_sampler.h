#pragma once

#include <cstdint>
#include <memory>

#include "search/sampler.h"

namespace lorasweep::search {

// Begins with the best of the points that are known from elsewhere, then leaves the word to another sampler. Without
// such points it is that sampler.
class WarmStartSampler : public Sampler {
 public:
  static constexpr std::int64_t kMostStarts = 3;  // and at most a third of the trials

  // trials: planned for the sweep; 0: unknown.
  WarmStartSampler(std::unique_ptr<Sampler> inner, std::int64_t trials);

  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;

 private:
  const std::unique_ptr<Sampler> inner_;
  const std::size_t starts_;
};

}  // namespace lorasweep::search
