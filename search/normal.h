#pragma once

// The standard normal distribution, accurate in the tails, and its truncation to an interval.
namespace lorasweep::search {

// Φ(x), relative accuracy kept in the left tail.
double NormalCdf(double x);

// log Φ(x); finite for every finite x above about -1e154.
double LogNormalCdf(double x);

// x with Φ(x) == p, 0 < p < 1.
double NormalQuantile(double p);

// log(Φ(b) - Φ(a)), a < b; works in whichever tail keeps the digits.
double LogNormalMass(double a, double b);

// The quantile at p (0 < p < 1) of a standard normal truncated to [a, b], a < b. The result is in [a, b].
double TruncatedNormalQuantile(double p, double a, double b);

}  // namespace lorasweep::search
