#pragma once

#include <cstddef>

#include "search/space.h"

namespace lorasweep::search {

// Settings that have worked for LoRA, best bet first. docs/algorithms.md has the sources.
//
// The best learning rate of a LoRA run hardly depends on the model: over 35 models and 548 runs of one published study
// it was 3e-4 or 1e-3 nearly always, and 3e-4 for all cost 0.3 % on average; 3e-3 diverged nearly everywhere.
inline constexpr std::size_t kLoraStarts = 6;

// Does the prior say anything about this space? Only where a learning rate is searched.
bool KnowsLora(const Space& space);

// Start `index`, below kLoraStarts, over `point`, which has a value for every free parameter: the learning rate and the
// rank are set to the nearest that the space has, and with the first start dropout, weight decay, warm-up and alpha
// too. What the prior does not know, or the space excludes, stays.
Params LoraStart(const Space& space, std::size_t index, Params point);

}  // namespace lorasweep::search
