#include "search/algorithms.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "search/asha_pruner.h"
#include "search/auto_sampler.h"
#include "search/grid_sampler.h"
#include "search/median_pruner.h"
#include "search/random_sampler.h"
#include "search/tpe_sampler.h"

namespace lorasweep::search {
namespace {

// Lets every trial run to its full length.
class NoPruner : public Pruner {
 public:
  Verdict Judge(const SweepView& /*view*/, const Trial& /*trial*/) const override { return {}; }
};

absl::Status CheckRungs(const std::vector<std::int64_t>& rungs) {
  for (std::size_t i = 0; i < rungs.size(); ++i) {
    if (rungs[i] < 1)
      return absl::InvalidArgumentError(absl::StrCat("asha: rung ", rungs[i], " must be 1 sequence or more"));
    if (i > 0 && rungs[i] <= rungs[i - 1]) {
      return absl::InvalidArgumentError(
          absl::StrCat("asha: rungs must ascend, but ", rungs[i], " follows ", rungs[i - 1]));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sampler>> MakeSampler(std::string_view name) {
  if (name == "tpe") return std::make_unique<TpeSampler>();
  if (name == "random") return std::make_unique<RandomSampler>();
  if (name == "grid") return std::make_unique<GridSampler>();
  if (name == "auto" || name == "bayes") return std::make_unique<AutoSampler>();
  return absl::InvalidArgumentError(
      absl::StrCat("unknown method ", std::string(name), "; methods: auto, bayes, grid, random, tpe"));
}

absl::StatusOr<std::unique_ptr<Pruner>> MakePruner(const PrunerOptions& options) {
  if (options.full_sequences < 0) return absl::InvalidArgumentError("full_sequences must be 0 (unknown) or more");
  if (options.type == "none") return std::make_unique<NoPruner>();
  if (options.type == "asha" || options.type == "hyperband") {
    if (const absl::Status status = CheckRungs(options.rung_sequences); !status.ok()) return status;
    if (!std::isfinite(options.eta) || options.eta <= 1) {
      return absl::InvalidArgumentError(absl::StrCat("asha: eta ", ToString(Value(options.eta)), " must be above 1"));
    }
    return std::make_unique<AshaPruner>(options.rung_sequences, options.eta, options.full_sequences);
  }
  if (options.type == "median") {
    if (options.min_sequences < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("median: min_sequences ", options.min_sequences, " must be 0 or more"));
    }
    if (options.min_trials < 1) {
      return absl::InvalidArgumentError(absl::StrCat("median: min_trials ", options.min_trials, " must be 1 or more"));
    }
    return std::make_unique<MedianPruner>(options.min_sequences, options.min_trials, options.full_sequences);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown pruner ", std::string(options.type), "; pruners: asha, hyperband, median, none"));
}

}  // namespace lorasweep::search
