#pragma once

#include <cstdint>
#include <span>

#include "search/space.h"
#include "search/trial.h"

namespace lorasweep::search {

// A point that was tried elsewhere, in a sweep like this one.
struct KnownPoint {
  Params params;
  double standing = 0;  // its place among the trials of its sweep, from 0 (the best) to 1
};

// A read-only view of one sweep, all that a decision may depend on besides a seed. Borrows: the owner keeps all of it
// alive and unchanged while the view is used. trials[i].number == i.
struct SweepView {
  const Space& space;
  std::span<const Trial> trials;
  std::span<const KnownPoint> known = {};
  bool all_proposed = false;  // there will be no new trials
};

}  // namespace lorasweep::search
