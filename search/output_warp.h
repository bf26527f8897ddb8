#pragma once

#include <vector>

namespace lorasweep::search {

// Makes losses fit for a Gaussian process: standardised, and tame where they are bad. Values above the median are drawn
// towards it to where a normal variable of their rank would be, with the spread of those below it, so that a few
// diverged trials do not flatten the differences among the good ones (the half-rank warping of Vizier; Song et al.
// 2024). Values that are not finite, -infinity too, are worse than all others. The order is kept.
std::vector<double> WarpLosses(const std::vector<double>& losses);

}  // namespace lorasweep::search
