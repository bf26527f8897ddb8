#include "search/confidence.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "search/interval.h"
#include "search/normal.h"

namespace lorasweep::search {
namespace {

constexpr double kTail = 0.025;

Estimated WithReach(double value, double reach) {
  return {.value = value, .interval = {value - reach, value + reach}};
}

double Reach(double standard_error, std::size_t cases) {
  if (cases < 2) return 0;
  return StudentQuantile(1 - kTail, static_cast<double>(cases - 1)) * standard_error;
}

}  // namespace

Estimated Proportion(std::int64_t successes, std::int64_t cases) {
  const auto n = static_cast<double>(cases);
  const double p = static_cast<double>(successes) / n;
  const double z = NormalQuantile(1 - kTail);
  const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double reach = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  // At the ends the formula is 0 and 1 but for rounding.
  return {.value = p,
          .interval = {successes == 0 ? 0 : std::max(0.0, middle - reach),
                       successes == cases ? 1 : std::min(1.0, middle + reach)}};
}

PairedCounts CountPairs(std::span<const char> first, std::span<const char> second) {
  PairedCounts counts;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const bool one = first[i] != 0;
    const bool two = second[i] != 0;
    ++(one ? two ? counts.both : counts.only_first : two ? counts.only_second : counts.neither);
  }
  return counts;
}

Estimated ProportionDifference(const PairedCounts& counts) {
  const auto a = static_cast<double>(counts.both);
  const auto b = static_cast<double>(counts.only_first);
  const auto c = static_cast<double>(counts.only_second);
  const auto d = static_cast<double>(counts.neither);
  const Estimated first = Proportion(counts.both + counts.only_first, counts.cases());
  const Estimated second = Proportion(counts.both + counts.only_second, counts.cases());
  const double margins = (a + b) * (c + d) * (a + c) * (b + d);
  double association = a * d - b * c;
  // A positive association is weakened by a continuity correction, a negative one is not.
  if (association > 0) association = std::max(0.0, association - static_cast<double>(counts.cases()) / 2);
  const double correlation = margins > 0 ? association / std::sqrt(margins) : 0;
  const auto joined = [&](double x, double y) {
    return std::sqrt(std::max(0.0, x * x - 2 * correlation * x * y + y * y));
  };
  const double difference = second.value - first.value;
  return {.value = difference,
          .interval = {difference - joined(second.value - second.interval.low, first.interval.high - first.value),
                       difference + joined(second.interval.high - second.value, first.value - first.interval.low)}};
}

double McNemar(const PairedCounts& counts) {
  const std::int64_t n = counts.only_first + counts.only_second;
  const std::int64_t fewer = std::min(counts.only_first, counts.only_second);
  const auto trials = static_cast<double>(n);
  double tail = 0;  // P(at most `fewer` of n fair coins)
  for (std::int64_t k = 0; k <= fewer; ++k) {
    const auto heads = static_cast<double>(k);
    tail += std::exp(std::lgamma(trials + 1) - std::lgamma(heads + 1) - std::lgamma(trials - heads + 1) -
                     trials * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

Estimated Mean(std::span<const double> values) {
  const std::vector<double> ones(values.size(), 1.0);
  return Ratio(values, ones);
}

Estimated Ratio(std::span<const double> values, std::span<const double> weights) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  const double ratio = std::accumulate(values.begin(), values.end(), 0.0) / total;
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double rest = values[i] - ratio * weights[i];
    squares += rest * rest;
  }
  const auto n = static_cast<double>(values.size());
  const double error = n < 2 ? 0 : std::sqrt(n / (n - 1) * squares) / total;
  return WithReach(ratio, Reach(error, values.size()));
}

}  // namespace lorasweep::search
