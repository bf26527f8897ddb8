#pragma once

#include <cstdint>

#include "search/sampler.h"
#include "search/sobol_sampler.h"

namespace lorasweep::search {

struct GpOptions {
  std::uint64_t seed = 0;   // the sweep's
  bool cost_aware = false;  // maximise the expected improvement per second (Snoek et al. 2012, "EI per second")
};

// Bayesian optimisation with a Gaussian process (Snoek et al. 2012) over the unit cube of UnitSpace: Matérn 5/2 with a
// length-scale for each parameter, most probable hyperparameters, losses warped as WarpLosses has it, and the point of
// highest expected improvement over the best fitted mean. Scrambled Sobol points come first; one in kRandomShare later
// suggestions is random too, against a model that is wrong. Running trials count as seen at their prediction, so that
// workers asking at once are sent to different places; infeasible and pruned trials teach it as CollectOutcomes says.
// Several objectives are drawn together with random weights at each suggestion (ParEGO; Knowles 2006), and each
// constraint that was ever broken gets a process of its own. Points known from elsewhere count as observations with
// noise that grows with the sweep's own results. With cost_aware the logarithm of how long completed trials took gets a
// process too.
//
// Where the space is discrete it never repeats a point. Time: bounded, but for what CollectOutcomes does.
class GpSampler : public Sampler {
 public:
  static constexpr std::uint64_t kRandomShare = 25;

  explicit GpSampler(const GpOptions& options) : cost_aware_(options.cost_aware), sobol_(options.seed) {}

  // Outcomes needed before the process is used, by the number of parameters.
  static std::size_t StartupTrials(std::size_t parameters);

  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;

 private:
  const bool cost_aware_;
  const SobolSampler sobol_;
};

}  // namespace lorasweep::search
