#include "search/confidence.h"

#include <catch2/catch.hpp>

#include <array>
#include <random>
#include <vector>

namespace lorasweep::search {
namespace {

TEST_CASE("Intervals of proportions are Wilson's", "[search][confidence]") {
  // scipy.stats.binomtest(k, n).proportion_ci(method='wilson')
  const Estimated few = Proportion(3, 20);
  CHECK(few.value == Approx(0.15));
  CHECK(few.interval.low == Approx(0.05236874589621662).epsilon(1e-6));
  CHECK(few.interval.high == Approx(0.3604188647407569).epsilon(1e-6));
  const Estimated none = Proportion(0, 40);
  CHECK(none.interval.low == 0);
  CHECK(none.interval.high == Approx(0.08762160119728662).epsilon(1e-6));
  const Estimated all = Proportion(40, 40);
  CHECK(all.interval.low == Approx(0.9123783988027133).epsilon(1e-6));
  CHECK(all.interval.high == 1);
}

TEST_CASE("McNemar's test is the binomial one on the cases that only one solved", "[search][confidence]") {
  // scipy.stats.binomtest(min(b, c), b + c).pvalue
  CHECK(McNemar({.both = 10, .only_first = 2, .only_second = 12, .neither = 6}) == Approx(0.012939453125));
  CHECK(McNemar({.both = 10, .only_first = 0, .only_second = 20, .neither = 0}) == Approx(1.9073486328125e-06));
  CHECK(McNemar({.both = 1, .only_first = 5, .only_second = 5, .neither = 3}) == 1);
  CHECK(McNemar({.both = 3, .neither = 4}) == 1);
}

TEST_CASE("Differences of pairs have Newcombe's interval", "[search][confidence]") {
  // Method 10 computed by hand from scipy's Wilson intervals: tests/search/reference/make_confidence_reference.py.
  const PairedCounts counts{.both = 10, .only_first = 2, .only_second = 12, .neither = 6};
  const Estimated difference = ProportionDifference(counts);
  CHECK(difference.value == Approx(1.0 / 3));
  CHECK(difference.interval.low == Approx(0.09647339406886798).epsilon(1e-6));
  CHECK(difference.interval.high == Approx(0.5209127828054294).epsilon(1e-6));
  const Estimated turned = ProportionDifference({.both = 10, .only_first = 12, .only_second = 2, .neither = 6});
  CHECK(turned.interval.low == Approx(-difference.interval.high));
  CHECK(turned.interval.high == Approx(-difference.interval.low));
  const Estimated sure = ProportionDifference({.only_second = 30});
  CHECK(sure.value == 1);
  CHECK(sure.interval.high <= 1 + 1e-12);
  CHECK(sure.interval.low > 0.8);
  const std::array<char, 4> first = {1, 1, 0, 0};
  const std::array<char, 4> second = {1, 0, 1, 1};
  const PairedCounts pairs = CountPairs(first, second);
  CHECK(pairs.both == 1);
  CHECK(pairs.only_first == 1);
  CHECK(pairs.only_second == 2);
  CHECK(pairs.neither == 0);
}

TEST_CASE("Paired intervals hold the true difference 95 times in a hundred", "[search][confidence]") {
  std::mt19937_64 random(7);
  int held_share = 0;
  int held_ratio = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<char> first(40);
    std::vector<char> second(40);
    std::vector<double> losses(30);
    std::vector<double> tokens(30);
    for (std::size_t i = 0; i < first.size(); ++i) {
      const double hardness = std::generate_canonical<double, 53>(random);
      first[i] = static_cast<char>(0.5 * hardness + 0.5 * std::generate_canonical<double, 53>(random) < 0.4);
      second[i] = static_cast<char>(0.5 * hardness + 0.5 * std::generate_canonical<double, 53>(random) < 0.6);
    }
    // P((u + v) / 2 < 0.4) = 0.32 for uniform u and v, and 0.68 for 0.6.
    const Interval share = ProportionDifference(CountPairs(first, second)).interval;
    held_share += static_cast<int>(share.low <= 0.36 && 0.36 <= share.high);
    for (std::size_t i = 0; i < losses.size(); ++i) {
      tokens[i] = 10 + static_cast<double>(random() % 40);
      losses[i] = tokens[i] * (0.5 + std::generate_canonical<double, 53>(random));
    }
    const Interval ratio = Ratio(losses, tokens).interval;
    held_ratio += static_cast<int>(ratio.low <= 1 && 1 <= ratio.high);
  }
  CHECK(held_share >= 0.935 * kRounds);
  CHECK(held_share <= 0.975 * kRounds);
  CHECK(held_ratio >= 0.935 * kRounds);
  CHECK(held_ratio <= 0.965 * kRounds);
}

TEST_CASE("Means have Student's interval", "[search][confidence]") {
  // scipy.stats.t.interval(0.95, 3, loc=mean, scale=sem)
  const std::array<double, 4> values = {1, 2, 4, 5};
  const Estimated mean = Mean(values);
  CHECK(mean.value == Approx(3));
  CHECK(mean.interval.low == Approx(0.094837).margin(6e-3));
  CHECK(mean.interval.high == Approx(5.905163).margin(6e-3));
  const std::array<double, 1> one = {2};
  CHECK(Mean(one).interval.low == 2);
}

}  // namespace
}  // namespace lorasweep::search
