#include "trainer_core/text/tokenized_data.h"

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

namespace lorasweep::text {
namespace {

std::vector<std::int64_t> Epoch(const DataOrder& order, std::int64_t rows, std::int64_t epoch) {
  std::vector<std::int64_t> used;
  for (std::int64_t i = 0; i < rows; ++i) used.push_back(order.At(epoch * rows + i));
  return used;
}

TEST_CASE("each epoch uses every row exactly once") {
  for (const std::int64_t rows : {1, 2, 3, 5, 16, 17, 255, 256, 257, 1000, 4097}) {
    const DataOrder order(3407, rows);
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      const std::vector<std::int64_t> used = Epoch(order, rows, epoch);
      const std::set<std::int64_t> distinct(used.begin(), used.end());
      CHECK(static_cast<std::int64_t>(distinct.size()) == rows);
      CHECK(*distinct.begin() == 0);
      CHECK(*distinct.rbegin() == rows - 1);
    }
  }
}

TEST_CASE("the order differs between epochs and between seeds and is the same for the same seed") {
  constexpr std::int64_t kRows = 100;
  const DataOrder order(1, kRows);
  CHECK(Epoch(order, kRows, 0) != Epoch(order, kRows, 1));
  CHECK(Epoch(order, kRows, 0) != Epoch(DataOrder(2, kRows), kRows, 0));
  CHECK(Epoch(order, kRows, 7) == Epoch(DataOrder(1, kRows), kRows, 7));
}

TEST_CASE("the order is not that of the file") {
  constexpr std::int64_t kRows = 10000;
  const std::vector<std::int64_t> used = Epoch(DataOrder(0, kRows), kRows, 0);
  int fixed = 0;
  int ascents = 0;
  for (std::size_t i = 0; i < used.size(); ++i) {
    fixed += used[i] == static_cast<std::int64_t>(i);
    ascents += i > 0 && used[i] > used[i - 1];
  }
  CHECK(fixed < 10);  // 1 expected
  CHECK(ascents > 4800);
  CHECK(ascents < 5200);
}

// Chi-squared statistic of counts that should be equal.
double ChiSquared(const std::map<std::vector<std::int64_t>, int>& counts, double cells, double draws) {
  const double expected = draws / cells;
  double sum = (cells - static_cast<double>(counts.size())) * expected;
  for (const auto& [cell, count] : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST_CASE("all orders of four rows are about equally likely") {
  std::map<std::vector<std::int64_t>, int> counts;
  for (std::uint64_t seed = 0; seed < 1200; ++seed) {
    for (std::int64_t epoch = 0; epoch < 4; ++epoch) ++counts[Epoch(DataOrder(seed, 4), 4, epoch)];
  }
  CHECK(counts.size() == 24);
  CHECK(ChiSquared(counts, 24, 4800) < 49.7);  // 23 degrees of freedom: exceeded once in a thousand
}

TEST_CASE("each row is about equally likely at each place, and so are pairs of neighbours") {
  constexpr std::int64_t kRows = 20;
  std::map<std::vector<std::int64_t>, int> places;
  std::map<std::vector<std::int64_t>, int> neighbours;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    const std::vector<std::int64_t> used = Epoch(DataOrder(seed, kRows), kRows, 0);
    for (std::int64_t i = 0; i < kRows; ++i) ++places[{i, used[static_cast<std::size_t>(i)]}];
    ++neighbours[{used[10], used[11]}];
  }
  CHECK(ChiSquared(places, 400, 80000) < 470);     // 361 degrees of freedom
  CHECK(ChiSquared(neighbours, 380, 4000) < 470);  // 379
}

TEST_CASE("millions of epochs ahead and rows in the billions cost nothing") {
  const DataOrder order(9, std::int64_t{5'000'000'000});
  const std::int64_t row = order.At(std::int64_t{5'000'000'000} * 1'000'000'000);
  CHECK(row >= 0);
  CHECK(row < 5'000'000'000);
  CHECK(DataOrder(9, 0).At(5) == 0);
}

TEST_CASE("learned tokens are counted") {
  CHECK(Sequence{{1, 2, 3, 4}, {0, 1, 0, 1}}.LearnedTokens() == 2);
  CHECK(Sequence{}.LearnedTokens() == 0);
}

}  // namespace
}  // namespace lorasweep::text
