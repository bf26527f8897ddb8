#include "search/algorithms.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/asha_pruner.h"
#include "search/auto_sampler.h"
#include "search/cmaes_sampler.h"
#include "search/extrapolation_pruner.h"
#include "search/gp_sampler.h"
#include "search/grid_sampler.h"
#include "search/guarded_pruner.h"
#include "search/percentile_pruner.h"
#include "search/random_sampler.h"
#include "search/settled_sampler.h"
#include "search/sobol_sampler.h"
#include "search/tpe_sampler.h"
#include "search/warm_start_sampler.h"

namespace lorasweep::search {
namespace {

// Lets every trial run to its full length.
class NoPruner : public Pruner {
 public:
  Verdict Judge(const SweepView& /*view*/, const Trial& /*trial*/) const override { return {}; }
};

absl::Status Invalid(const PrunerOptions& options, std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(options.type), ": ", std::string(text)));
}

absl::StatusOr<std::unique_ptr<Pruner>> MakeAsha(const PrunerOptions& options) {
  const std::vector<std::int64_t>& rungs = options.rung_sequences;
  for (std::size_t i = 0; i < rungs.size(); ++i) {
    if (rungs[i] < 1) return Invalid(options, absl::StrCat("rung ", rungs[i], " must be 1 sequence or more"));
    if (i > 0 && rungs[i] <= rungs[i - 1]) {
      return Invalid(options, absl::StrCat("rungs must ascend, but ", rungs[i], " follows ", rungs[i - 1]));
    }
  }
  if (!std::isfinite(options.eta) || options.eta <= 1) {
    return Invalid(options, absl::StrCat("eta ", ToString(Value(options.eta)), " must be above 1"));
  }
  if (options.brackets < 1) return Invalid(options, absl::StrCat("brackets ", options.brackets, " must be 1 or more"));
  AshaOptions asha{.rungs = rungs,
                   .eta = options.eta,
                   .full_sequences = options.full_sequences,
                   .promote = options.promote,
                   .brackets = std::min(options.brackets, static_cast<std::int64_t>(rungs.size()) + 1)};
  if (options.type == "pasha") {
    asha.promote = true;
    asha.grow = true;
    asha.brackets = 1;
  }
  if (asha.promote) asha.keep = 0;
  if (options.type == "paired" || options.type == "pasha") {
    if (!std::isfinite(options.standard_errors) || options.standard_errors < 0) {
      return Invalid(options,
                     absl::StrCat("standard_errors ", ToString(Value(options.standard_errors)), " must be 0 or more"));
    }
    if (options.keep < 0) return Invalid(options, absl::StrCat("keep ", options.keep, " must be 0 or more"));
    asha.standard_errors = options.standard_errors;
    if (options.type == "paired") asha.keep = options.keep;
  }
  return std::make_unique<AshaPruner>(std::move(asha));
}

absl::StatusOr<std::unique_ptr<Pruner>> MakePercentile(const PrunerOptions& options) {
  if (options.min_trials < 1) {
    return Invalid(options, absl::StrCat("min_trials ", options.min_trials, " must be 1 or more"));
  }
  PercentileOptions percentile{.min_sequences = options.min_sequences,
                               .min_trials = options.min_trials,
                               .full_sequences = options.full_sequences};
  if (options.type == "percentile") {
    if (!(options.percentile > 0 && options.percentile <= 100)) {
      return Invalid(options, absl::StrCat("percentile ", ToString(Value(options.percentile)),
                                           " must be above 0 and at most 100"));
    }
    if (options.keep < 0) return Invalid(options, absl::StrCat("keep ", options.keep, " must be 0 or more"));
    percentile.percentile = options.percentile;
    percentile.keep = options.keep;
  }
  return std::make_unique<PercentilePruner>(percentile);
}

absl::StatusOr<std::unique_ptr<Pruner>> MakeExtrapolation(const PrunerOptions& options) {
  if (options.min_trials < 1) {
    return Invalid(options, absl::StrCat("min_trials ", options.min_trials, " must be 1 or more"));
  }
  if (!(options.min_probability > 0 && options.min_probability < 1)) {
    return Invalid(options, absl::StrCat("min_probability ", ToString(Value(options.min_probability)),
                                         " must be above 0 and below 1"));
  }
  return std::make_unique<ExtrapolationPruner>(ExtrapolationOptions{.min_probability = options.min_probability,
                                                                    .min_sequences = options.min_sequences,
                                                                    .min_trials = options.min_trials,
                                                                    .full_sequences = options.full_sequences});
}

absl::StatusOr<std::unique_ptr<Pruner>> MakeUnguarded(const PrunerOptions& options) {
  if (options.type == "none") return std::make_unique<NoPruner>();
  if (options.type == "asha" || options.type == "hyperband" || options.type == "paired" || options.type == "pasha") {
    return MakeAsha(options);
  }
  if (options.type == "median" || options.type == "percentile") return MakePercentile(options);
  if (options.type == "extrapolation") return MakeExtrapolation(options);
  return absl::InvalidArgumentError(
      absl::StrCat("unknown pruner ", std::string(options.type),
                   "; pruners: asha, extrapolation, hyperband, median, none, paired, pasha, percentile"));
}

absl::StatusOr<std::unique_ptr<Sampler>> MakeMethod(const SamplerOptions& options) {
  const std::string_view method = options.method;
  const auto warm = [&](std::unique_ptr<Sampler> sampler) {
    return std::make_unique<WarmStartSampler>(std::move(sampler), options.trials);
  };
  if (method == "auto" || method == "bayes") {
    return warm(std::make_unique<AutoSampler>(
        AutoOptions{options.seed, options.trials, options.steps, options.lora_prior, options.cost_aware}));
  }
  if (method == "cmaes") return std::make_unique<CmaEsSampler>(options.seed);
  if (method == "gp") return warm(std::make_unique<GpSampler>(GpOptions{options.seed, options.cost_aware}));
  if (method == "grid") return std::make_unique<GridSampler>();
  if (method == "random") return std::make_unique<RandomSampler>();
  if (method == "sobol") return std::make_unique<SobolSampler>(options.seed);
  if (method == "tpe") return warm(std::make_unique<TpeSampler>());
  return absl::InvalidArgumentError(absl::StrCat("unknown method ", std::string(method),
                                                 "; methods: auto, bayes, cmaes, gp, grid, random, sobol, tpe"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sampler>> MakeSampler(const SamplerOptions& options) {
  absl::StatusOr<std::unique_ptr<Sampler>> sampler = MakeMethod(options);
  if (sampler.ok() && options.stop_when_settled) sampler = std::make_unique<SettledSampler>(*std::move(sampler));
  if (sampler.ok() && !options.start_points.empty()) {
    sampler = std::make_unique<StartPointsSampler>(*std::move(sampler), options.start_points);
  }
  return sampler;
}

absl::StatusOr<std::unique_ptr<Pruner>> MakePruner(const PrunerOptions& options) {
  if (options.full_sequences < 0) return Invalid(options, "full_sequences must be 0 (unknown) or more");
  if (options.min_sequences < 0) {
    return Invalid(options, absl::StrCat("min_sequences ", options.min_sequences, " must be 0 or more"));
  }
  if (std::isnan(options.worst_value)) return Invalid(options, "worst_value must be a number");
  if (options.patience < 0) return Invalid(options, absl::StrCat("patience ", options.patience, " must be 0 or more"));
  if (!std::isfinite(options.min_gain) || options.min_gain < 0) {
    return Invalid(options, absl::StrCat("min_gain ", ToString(Value(options.min_gain)), " must be 0 or more"));
  }
  absl::StatusOr<std::unique_ptr<Pruner>> pruner = MakeUnguarded(options);
  if (!pruner.ok() || (!std::isfinite(options.worst_value) && options.patience == 0)) return pruner;
  return std::make_unique<GuardedPruner>(*std::move(pruner), GuardOptions{.worst_value = options.worst_value,
                                                                          .patience = options.patience,
                                                                          .min_gain = options.min_gain,
                                                                          .min_sequences = options.min_sequences,
                                                                          .full_sequences = options.full_sequences});
}

}  // namespace lorasweep::search
