#pragma once

#include "search/space.h"

// The random variables of QuantileDomain, without its step.
namespace lorasweep::search {

// The value at quantile p, 0 < p < 1. Ascending in p; finite for every valid domain that CheckDomain accepts.
double QuantileValue(const QuantileDomain& domain, double p);

// P(X <= x), in [0, 1].
double QuantileCdf(const QuantileDomain& domain, double x);

// Smallest and largest value that the variable can take; infinite where there is no bound.
struct Support {
  double low = 0;
  double high = 0;
};
Support SupportOf(const QuantileDomain& domain);

}  // namespace lorasweep::search
