#include "search/random_sampler.h"

#include <utility>

#include "search/domain.h"

namespace lorasweep::search {
namespace {

// Tries before the unused points of a grid are counted out. Few: counting is exact and cheap, but forgets the
// domains' distributions.
constexpr int kTries = 30;

}  // namespace

Params DrawFree(const Space& space, Rng* rng) {
  Params point;
  for (const Parameter& parameter : space.free_parameters()) {
    point.emplace(parameter.name, AtQuantile(parameter.domain, rng->Uniform()));
  }
  return point;
}

absl::StatusOr<Proposal> DrawRandom(const Space& space, const ProposedPoints& proposed, Rng* rng, std::string reason) {
  if (proposed.Exhausted()) return SpaceExhausted{};
  Params free = DrawFree(space, rng);
  for (int i = 1; i < kTries && proposed.Contains(free); ++i) free = DrawFree(space, rng);
  if (proposed.Contains(free)) {
    // Unbounded rounded variables have no grid; there a repeat is the best that can be had.
    if (const std::optional<std::int64_t> unused = proposed.RandomUnused(rng)) {
      absl::StatusOr<Params> params = space.GridPoint(*unused);
      if (!params.ok()) return params.status();
      return Suggestion{*std::move(params), std::move(reason)};
    }
  }
  absl::StatusOr<Params> params = space.Complete(free);
  if (!params.ok()) return params.status();
  return Suggestion{*std::move(params), std::move(reason)};
}

absl::StatusOr<Proposal> RandomSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  Rng rng(seed);
  return DrawRandom(view.space, ProposedPoints(view), &rng, "Drawn at random.");
}

}  // namespace lorasweep::search
