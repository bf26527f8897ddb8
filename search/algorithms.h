#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "search/pruner.h"
#include "search/sampler.h"

namespace lorasweep::search {

// "tpe", "random", "grid", and "auto" or "bayes", which choose. InvalidArgument lists the names.
absl::StatusOr<std::unique_ptr<Sampler>> MakeSampler(std::string_view name);

struct PrunerOptions {
  std::string_view type = "none";                 // "none", "asha" ("hyperband"), "median"
  std::vector<std::int64_t> rung_sequences = {};  // asha: ascending training sequences at which it judges
  std::int64_t min_sequences = 0;                 // median: never judges before
  double eta = 3;                                 // asha: keeps the best 1/eta
  std::int64_t min_trials = 5;                    // median: other trials needed at the point
  std::int64_t full_sequences = 0;                // a trial that has seen as many is done and not judged; 0: unknown
};

// InvalidArgument says which option is wrong and what is allowed. Copies what it needs of `options`.
absl::StatusOr<std::unique_ptr<Pruner>> MakePruner(const PrunerOptions& options);

}  // namespace lorasweep::search
