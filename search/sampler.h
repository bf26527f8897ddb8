#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "search/sweep_view.h"

namespace lorasweep::search {

// A point to try, and why it was chosen, in a sentence for people.
struct Suggestion {
  Params params;  // complete: constants and derived parameters included
  std::string reason;
};
// The sampler needs results of running trials first.
struct WaitForResults {};
// There is nothing more to propose: every point was proposed already, or, with a reason, more would bring nothing.
struct SpaceExhausted {
  std::string reason = {};  // for people, without a full stop
};

using Proposal = std::variant<Suggestion, WaitForResults, SpaceExhausted>;

// Proposes points. Stateless and pure: the same view and seed give the same proposal, so that a restart is a replay.
// Threads: const, may be called from several.
//
//   auto sampler = MakeSampler("tpe");
//   absl::StatusOr<Proposal> proposal = (*sampler)->Suggest(view, TrialSeed(sweep_seed, next_number));
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const = 0;
};

// Seed of everything random about trial `number`: hash(sweep seed, number). The same on every platform.
std::uint64_t TrialSeed(std::uint64_t sweep_seed, std::int64_t number);

}  // namespace lorasweep::search
