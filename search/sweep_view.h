#pragma once

#include <cstdint>
#include <span>

#include "search/space.h"
#include "search/trial.h"

namespace lorasweep::search {

// A read-only view of one sweep, all that a decision may depend on besides a seed. Borrows: the owner keeps space and
// trials alive and unchanged while the view is used. trials[i].number == i.
struct SweepView {
  const Space& space;
  std::span<const Trial> trials;
};

}  // namespace lorasweep::search
