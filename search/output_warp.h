#pragma once

#include <vector>

namespace lorasweep::search {

// Makes losses fit for a Gaussian process: standardised, and tame where they are bad. Values further above the median
// than one spread of the good half are drawn in to where a normal variable of their rank and twice that spread would
// be, so that a few diverged trials do not flatten the differences among the good ones (after the half-rank warping of
// Vizier, Song et al. 2024, which begins at the median). Values that are not finite, -infinity too, are worse than all
// others. The order is kept. *scale, where asked for: what 1 of the result is in losses, of those that are not above
// the median.
std::vector<double> WarpLosses(const std::vector<double>& losses, double* scale = nullptr);

}  // namespace lorasweep::search
