#include "search/warm_start_sampler.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"

namespace lorasweep::search {
namespace {

bool WasTried(const SweepView& view, const Params& params) {
  return std::any_of(view.trials.begin(), view.trials.end(), [&](const Trial& t) { return t.params == params; });
}

}  // namespace

WarmStartSampler::WarmStartSampler(std::unique_ptr<Sampler> inner, std::int64_t trials)
    : inner_(std::move(inner)),
      starts_(static_cast<std::size_t>(trials > 0 ? std::min(kMostStarts, (trials + 2) / 3) : kMostStarts)) {}

absl::StatusOr<Proposal> WarmStartSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  if (view.known.empty() || view.trials.size() >= starts_) return inner_->Suggest(view, seed);
  std::vector<const KnownPoint*> points;
  for (const KnownPoint& known : view.known) points.push_back(&known);
  std::stable_sort(points.begin(), points.end(),
                   [](const KnownPoint* a, const KnownPoint* b) { return a->standing < b->standing; });
  for (const KnownPoint* known : points) {
    Params free;
    for (const Parameter& parameter : view.space.free_parameters()) {
      const auto value = known->params.find(parameter.name);
      if (value != known->params.end()) free.insert(*value);
    }
    absl::StatusOr<Params> params = view.space.Complete(free);
    if (!params.ok() || WasTried(view, *params)) continue;
    return Suggestion{*std::move(params), absl::StrFormat("Among the best %.0f %% of an earlier sweep.",
                                                          100 * std::max(known->standing, 0.01))};
  }
  return inner_->Suggest(view, seed);
}

}  // namespace lorasweep::search
