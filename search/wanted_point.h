#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "search/sampler.h"

namespace lorasweep::search {

// What a person wants tried.
struct Wish {
  Params given;                      // of some free parameters
  std::optional<std::int64_t> like;  // the number of a trial of the view
};

// The whole point for a wish. What is not given is as in `like`; without one as `sampler` would have it next; and drawn
// at random where neither has a value, which may be in use at this point only. Pure: the same view, wish and seed give
// the same point. It may be one that was proposed already.
//
// InvalidArgument names the parameter, its value and what is allowed: unknown, computed or fixed, outside its domain,
// or not in use at this point.
//
//   auto point = WantedPoint(view, {.given = {{"lora_rank", 16}}}, sampler, TrialSeed(sweep_seed, next_number));
absl::StatusOr<Suggestion> WantedPoint(const SweepView& view, const Wish& wish, const Sampler& sampler,
                                       std::uint64_t seed);

}  // namespace lorasweep::search
