#include "search/auto_sampler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/domain.h"
#include "search/lora_prior.h"
#include "search/proposed_points.h"

namespace lorasweep::search {
namespace {

std::size_t Starts(const AutoOptions& options) {
  if (!options.lora_prior) return 0;
  if (options.trials <= 0) return kLoraStarts;
  return std::min(kLoraStarts, static_cast<std::size_t>((options.trials + 2) / 3));
}

}  // namespace

AutoSampler::AutoSampler(const AutoOptions& options)
    : starts_(Starts(options)),
      rate_factor_(ShortTrialFactor(options.steps)),
      gp_({options.seed, options.cost_aware}),
      sobol_(options.seed) {}

absl::StatusOr<Proposal> AutoSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  const absl::StatusOr<std::int64_t> size = view.space.GridSize();
  if (size.ok() && *size <= kSmallGrid) {
    absl::StatusOr<Proposal> proposal = grid_.Suggest(view, seed);
    if (!proposal.ok()) return proposal;
    if (auto* suggestion = std::get_if<Suggestion>(&*proposal)) {
      suggestion->reason = absl::StrCat("So small a space is searched whole. ", suggestion->reason);
    }
    return proposal;
  }
  // What is known from earlier sweeps is better than what is known in general.
  if (view.known.empty() && view.trials.size() < starts_ && KnowsLora(view.space)) return SuggestStart(view, seed);
  return SuggestByModel(view, seed);
}

absl::StatusOr<Proposal> AutoSampler::SuggestStart(const SweepView& view, std::uint64_t seed) const {
  const ProposedPoints proposed(view);
  if (proposed.Exhausted()) return SpaceExhausted{};
  Rng rng(seed);
  const Params free = LoraStart(view.space, view.trials.size(), rate_factor_, sobol_.NextPoint(view, &rng));
  if (proposed.Contains(free)) return sobol_.Suggest(view, seed);
  absl::StatusOr<Params> params = view.space.Complete(free);
  if (!params.ok()) return params.status();
  return Suggestion{*std::move(params), absl::StrCat("Start ", view.trials.size() + 1, " of ", starts_,
                                                     " among settings that have worked for LoRA.")};
}

absl::StatusOr<Proposal> AutoSampler::SuggestByModel(const SweepView& view, std::uint64_t seed) const {
  const auto& free = view.space.free_parameters();
  const auto parameters =
      std::count_if(free.begin(), free.end(), [](const Parameter& p) { return Cardinality(p.domain) != 1; });
  const bool few = view.trials.size() < kGpTrials && static_cast<std::size_t>(parameters) <= kGpParameters;
  return few ? gp_.Suggest(view, seed) : tpe_.Suggest(view, seed);
}

}  // namespace lorasweep::search
