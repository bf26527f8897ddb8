#include "search/start_points_sampler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/random_sampler.h"
#include "search/wanted_point.h"

namespace lorasweep::search {
namespace {

bool Has(const Params& params, const Params& part) {
  return std::all_of(part.begin(), part.end(), [&](const auto& given) {
    const auto found = params.find(given.first);
    return found != params.end() && found->second == given.second;
  });
}

}  // namespace

StartPointsSampler::StartPointsSampler(std::unique_ptr<Sampler> inner, std::vector<StartPoint> points)
    : inner_(std::move(inner)), points_(std::move(points)) {}

absl::StatusOr<Proposal> StartPointsSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const StartPoint& point = points_[i];
    if (std::any_of(view.trials.begin(), view.trials.end(),
                    [&](const Trial& trial) { return Has(trial.params, point.params); })) {
      continue;
    }
    absl::StatusOr<Suggestion> wanted =
        WantedPoint(view, {.given = point.params, .like = std::nullopt}, RandomSampler(), seed);
    if (!wanted.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("start point ", i + 1, ": ", std::string{wanted.status().message()}));
    }
    wanted->reason = absl::StrCat("Start point ", i + 1, " of ", points_.size(),
                                  point.source.empty() ? "" : absl::StrCat(", from ", point.source), ".");
    return Proposal{*std::move(wanted)};
  }
  return inner_->Suggest(view, seed);
}

}  // namespace lorasweep::search
