#include "search/auto_sampler.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::search {

absl::StatusOr<Proposal> AutoSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  const absl::StatusOr<std::int64_t> size = view.space.GridSize();
  if (!size.ok() || *size > kSmallGrid) return tpe_.Suggest(view, seed);
  absl::StatusOr<Proposal> proposal = grid_.Suggest(view, seed);
  if (!proposal.ok()) return proposal;
  if (auto* suggestion = std::get_if<Suggestion>(&*proposal)) {
    suggestion->reason = absl::StrCat("So small a space is searched whole. ", suggestion->reason);
  }
  return proposal;
}

}  // namespace lorasweep::search
