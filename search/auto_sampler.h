#pragma once

#include <cstdint>

#include "search/gp_sampler.h"
#include "search/grid_sampler.h"
#include "search/sampler.h"
#include "search/sobol_sampler.h"
#include "search/tpe_sampler.h"

namespace lorasweep::search {

struct AutoOptions {
  std::uint64_t seed = 0;   // the sweep's
  std::int64_t trials = 0;  // planned for the sweep; 0: unknown
  std::int64_t steps = 0;   // optimizer steps of a full trial, for the prior; 0: unknown
  bool lora_prior = false;  // begin with LoraStart where it knows the space
  bool cost_aware = false;  // see GpOptions
};

// Chooses by the space, the budget and the history; the reason says what was chosen. Backs the methods "auto" and
// "bayes".
//   - At most kSmallGrid points: the grid, since no model helps with so few.
//   - With the LoRA prior: its starts, as many as a third of the budget.
//   - Until kGpTrials trials, and with at most kGpParameters parameters: the Gaussian process, which learns most from
//   few
//     trials. Then TPE, which costs little and bears many parameters.
class AutoSampler : public Sampler {
 public:
  static constexpr std::int64_t kSmallGrid = 10;
  static constexpr std::size_t kGpTrials = 500;
  static constexpr std::size_t kGpParameters = 20;

  explicit AutoSampler(const AutoOptions& options);

  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;

 private:
  absl::StatusOr<Proposal> SuggestStart(const SweepView& view, std::uint64_t seed) const;
  absl::StatusOr<Proposal> SuggestByModel(const SweepView& view, std::uint64_t seed) const;

  const std::size_t starts_;
  const double rate_factor_;  // of the starts
  const GpSampler gp_;
  const GridSampler grid_;
  const SobolSampler sobol_;
  const TpeSampler tpe_;
};

}  // namespace lorasweep::search
