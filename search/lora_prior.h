#pragma once

#include <cstddef>
#include <cstdint>

#include "search/space.h"

namespace lorasweep::search {

// Settings that have worked for LoRA, best bet first. docs/algorithms.md has the sources.
//
// The best learning rate of a LoRA run hardly depends on the model: over 35 models and 548 runs of one published study
// it was 3e-4 or 1e-3 nearly always, and 3e-4 for all cost 0.3 % on average; 3e-3 diverged nearly everywhere. Those
// runs took hundreds of steps; the best rate falls as a power of how long one trains (Bjorck et al., arXiv 2409.19913),
// so shorter trials begin with higher rates.
inline constexpr std::size_t kLoraStarts = 6;

// Does the prior say anything about this space? Only where a learning rate is searched.
bool KnowsLora(const Space& space);

// What the rates of the starts are multiplied by where a full trial takes `steps` optimizer steps: 1 from 500 steps on
// and where steps is 0 (unknown), the cube root of how much shorter the trial is below, at most 4.
double ShortTrialFactor(std::int64_t steps);

// Start `index`, below kLoraStarts, over `point`, which has a value for every free parameter: the learning rate, times
// `rate_factor`, and the rank are set to the nearest that the space has, and with the first start dropout, weight
// decay, warm-up and alpha too. What the prior does not know, or the space excludes, stays.
Params LoraStart(const Space& space, std::size_t index, double rate_factor, Params point);

}  // namespace lorasweep::search
