#pragma once

#include <cstdint>
#include <span>

// How sure one may be of what was counted or averaged over cases: 95 % intervals of one model, and of the difference of
// two that were asked the same. Pure.
namespace lorasweep::search {

struct Interval {
  double low = 0;
  double high = 0;
};

// A value with its interval.
struct Estimated {
  double value = 0;
  Interval interval;
};

// successes / cases, 0 <= successes <= cases, cases >= 1, with Wilson's score interval (E. B. Wilson, Probable
// inference, the law of succession, and statistical inference. JASA 22, 1927), which holds for few cases and near 0
// and 1 too.
Estimated Proportion(std::int64_t successes, std::int64_t cases);

// Cases by what the two of a pair did on them.
struct PairedCounts {
  std::int64_t both = 0;
  std::int64_t only_first = 0;
  std::int64_t only_second = 0;
  std::int64_t neither = 0;

  std::int64_t cases() const { return both + only_first + only_second + neither; }
};
PairedCounts CountPairs(std::span<const char> first, std::span<const char> second);  // of one length; 0: no success

// Share of the second less that of the first, with the interval of Newcombe's method 10 (R. G. Newcombe, Improved
// confidence intervals for the difference between binomial proportions based on paired data. Statistics in Medicine 17,
// 1998): the two Wilson intervals, joined with the correlation of the pairs. cases >= 1.
Estimated ProportionDifference(const PairedCounts& counts);

// McNemar's test, exact and two-sided: how likely so uneven a split of the cases that only one of the two solved is
// when both are equally good. 1 where there are none.
double McNemar(const PairedCounts& counts);

// The mean with Student's interval. At least one value; the interval of a single one is the value alone.
Estimated Mean(std::span<const double> values);

// sum(values) / sum(weights) over cases, as a loss per token over texts of many lengths, with the interval of the ratio
// estimator linearised (W. G. Cochran, Sampling Techniques, 3rd ed., 6.4) and Student's quantile. Cases are what was
// drawn at random, not tokens. Of one length, at least one; a positive sum of weights.
Estimated Ratio(std::span<const double> values, std::span<const double> weights);

}  // namespace lorasweep::search
