#pragma once

#include <cstdint>

namespace lorasweep::search {

// t with P(T <= t) == p for Student's T, 0 < p < 1, degrees >= 1. Within 0.004 of the truth for 0.005 <= p <= 0.995
// (Abramowitz and Stegun 26.7.5 from three degrees on).
double StudentQuantile(double p, double degrees);

// How many standard errors a 95 % interval reaches to either side of a measured gap to the best of `rivals` >= 1 others
// that are equally good for all one can tell. What came out best among several was lucky too, so its lead is flattered:
// the interval is Student's for one rival, and widens so that it still holds what fresh data would give in 95 % of
// cases when all rivals are equal, their errors independent (Dunnett's distribution, with both tails counted).
// degrees: of freedom of the standard error, >= 1.
double IntervalReach(std::int64_t rivals, double degrees);

}  // namespace lorasweep::search
