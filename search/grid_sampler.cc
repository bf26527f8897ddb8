#include "search/grid_sampler.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "search/proposed_points.h"

namespace lorasweep::search {

absl::StatusOr<Proposal> GridSampler::Suggest(const SweepView& view, std::uint64_t /*seed*/) const {
  const absl::StatusOr<std::int64_t> size = view.space.GridSize();
  if (!size.ok()) return size.status();
  const std::optional<std::int64_t> index = ProposedPoints(view).FirstUnused();
  if (!index) return SpaceExhausted{};
  absl::StatusOr<Params> params = view.space.GridPoint(*index);
  if (!params.ok()) return params.status();
  return Suggestion{*std::move(params), absl::StrCat("Point ", *index + 1, " of ", *size, " of the grid.")};
}

}  // namespace lorasweep::search
