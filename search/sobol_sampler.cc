#include "search/sobol_sampler.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "search/domain.h"
#include "search/random_sampler.h"
#include "search/sobol.h"

namespace lorasweep::search {

absl::StatusOr<Proposal> SobolSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  Rng rng(seed);
  const ProposedPoints proposed(view);
  if (proposed.Exhausted()) return SpaceExhausted{};
  const Params free = NextPoint(view, &rng);
  if (proposed.Contains(free)) {
    return DrawRandom(view.space, proposed, &rng, "Drawn at random: Sobol's sequence would repeat a point here.");
  }
  absl::StatusOr<Params> params = view.space.Complete(free);
  if (!params.ok()) return params.status();
  return Suggestion{*std::move(params),
                    absl::StrCat("Point ", view.trials.size() + 1, " of a scrambled Sobol sequence.")};
}

Params SobolSampler::NextPoint(const SweepView& view, Rng* rng) const {
  const auto index = static_cast<std::uint32_t>(view.trials.size());
  Params free;
  int dimension = 0;
  for (const Parameter& parameter : view.space.free_parameters()) {
    const double u =
        dimension < kSobolDimensions ? ScrambledSobolCoordinate(dimension, index, sweep_seed_) : rng->Uniform();
    free.emplace(parameter.name, AtQuantile(parameter.domain, u));
    ++dimension;
  }
  return free;
}

}  // namespace lorasweep::search
