#include "search/wanted_point.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "search/random_sampler.h"
#include "search/rng.h"

namespace lorasweep::search {
namespace {

// A point to take from what is not given, and where it comes from, for people.
Suggestion Others(const SweepView& view, const Wish& wish, const Sampler& sampler, std::uint64_t seed) {
  if (wish.like) {
    return {view.trials[static_cast<std::size_t>(*wish.like)].params, absl::StrCat("As in trial ", *wish.like, ".")};
  }
  absl::StatusOr<Proposal> proposal = sampler.Suggest(view, seed);
  auto* suggestion = proposal.ok() ? std::get_if<Suggestion>(&*proposal) : nullptr;
  return suggestion != nullptr ? std::move(*suggestion) : Suggestion{{}, "Drawn at random."};
}

}  // namespace

absl::StatusOr<Suggestion> WantedPoint(const SweepView& view, const Wish& wish, const Sampler& sampler,
                                       std::uint64_t seed) {
  std::string reason = "Wanted by a person.";
  absl::StatusOr<Params> point = view.space.Complete(wish.given);
  if (!point.ok()) {
    // Something is wrong, which shows again, or was left open.
    const Suggestion others = Others(view, wish, sampler, seed);
    Rng rng(seed);
    Params free = DrawFree(view.space, &rng);
    for (auto& [name, value] : free) {
      if (const auto known = others.params.find(name); known != others.params.end()) value = known->second;
    }
    for (const auto& [name, value] : wish.given) free[name] = value;
    point = view.space.Complete(free);
    if (!point.ok()) return point.status();
    absl::StrAppend(&reason, " What was left open: ", others.reason);
  }
  for (const Parameter& parameter : view.space.free_parameters()) {
    const auto given = wish.given.find(parameter.name);
    if (given == wish.given.end() || point->contains(parameter.name)) continue;
    return absl::InvalidArgumentError(absl::StrCat("parameter ", parameter.name, ": ", ToString(given->second),
                                                   " has no effect here; it is in use when ", parameter.when.text()));
  }
  return Suggestion{*std::move(point), std::move(reason)};
}

}  // namespace lorasweep::search
