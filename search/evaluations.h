#pragma once

#include <cstdint>
#include <string>

#include "search/trial.h"

// Questions that the pruners ask of a learning curve, and the words they answer in.
namespace lorasweep::search {

// The value, or +infinity for one that is not finite.
double FiniteOrWorst(double value);

// The first evaluation after at least `sequences` training sequences, or null; null for a trial that began with
// another's adapter, which has seen more. Logarithmic in the curve's length.
const Evaluation* FirstAtOrAfter(const Trial& trial, std::int64_t sequences);

// With several objectives: is `a` known to be no worse than `b` in any but the first? True where there is only one.
bool IsNoWorseElsewhere(const Trial& a, const Trial& b);

// "the value at step 40 is nan"
std::string NotFiniteReason(const Evaluation& evaluation);

// "0.0310 ± 0.0040 worse than trial 4 on the same 64 sequences", or without the pairing where there are no losses per
// sequence: "0.0310 worse than trial 4".
std::string DescribeGap(const Evaluation& news, const Trial& leader, const Evaluation& leader_evaluation);

}  // namespace lorasweep::search
