#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "search/pruner.h"
#include "search/sampler.h"
#include "search/start_points_sampler.h"

namespace lorasweep::search {

struct SamplerOptions {
  // "cmaes", "gp", "grid", "random", "sobol", "tpe", and "auto" or "bayes", which choose
  std::string_view method = "auto";
  std::uint64_t seed = 0;                     // the sweep's
  std::int64_t trials = 0;                    // planned for the sweep; 0: unknown
  std::int64_t steps = 0;                     // auto: see AutoOptions
  bool lora_prior = false;                    // auto: see AutoOptions
  bool cost_aware = false;                    // auto, gp: see GpOptions
  std::vector<StartPoint> start_points = {};  // that the first trials try, whatever the method
  bool stop_when_settled = false;             // see SettledSampler
};

// InvalidArgument lists the methods.
absl::StatusOr<std::unique_ptr<Sampler>> MakeSampler(const SamplerOptions& options);

struct PrunerOptions {
  // "none", "asha" ("hyperband"), "paired" (asha by paired differences), "pasha" (asha that trains no longer than
  // needed), "median", "percentile", "extrapolation"
  std::string_view type = "none";
  std::vector<std::int64_t> rung_sequences =
      {};                          // asha, paired, pasha: ascending training sequences at which they judge
  std::int64_t min_sequences = 0;  // median, percentile and the guards below: never judge before
  double eta = 3;                  // asha, paired, pasha: keep the best 1/eta
  bool promote = false;            // asha, paired: see AshaOptions; pasha always does
  std::int64_t brackets = 1;       // asha, paired: likewise
  std::int64_t min_trials = 5;  // median, percentile: other trials needed at the point; extrapolation: completed ones
  std::int64_t full_sequences = 0;  // a trial that has seen as many is done and not judged; 0: unknown
  double standard_errors = 2;       // paired, pasha: see AshaOptions
  std::int64_t keep = 2;            // paired, percentile: the best so many are never stopped
  double percentile = 50;           // percentile: see PercentileOptions
  double min_probability = 0.05;    // extrapolation: see ExtrapolationOptions
  // With every type: see GuardOptions.
  double worst_value = std::numeric_limits<double>::infinity();
  std::int64_t patience = 0;
  double min_gain = 0;
};

// InvalidArgument says which option is wrong and what is allowed. Copies what it needs of `options`.
absl::StatusOr<std::unique_ptr<Pruner>> MakePruner(const PrunerOptions& options);

}  // namespace lorasweep::search
