#include "trainer_core/chat/row_choice.h"

#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

namespace lorasweep::chat {
namespace {

// Uses of the rows of each file, in all.
std::vector<std::int64_t> Sums(const std::vector<std::size_t>& rows, const std::vector<std::int64_t>& uses,
                               std::size_t files) {
  std::vector<std::int64_t> sums(files, 0);
  for (std::size_t i = 0; i < rows.size(); ++i) sums[rows[i]] += uses[i];
  return sums;
}

std::vector<std::size_t> Rows(std::size_t first, std::size_t second) {
  std::vector<std::size_t> rows(first, 0);
  rows.insert(rows.end(), second, 1);
  return rows;
}

TEST_CASE("Files get exactly their shares of the rows", "[chat]") {
  const auto rows = Rows(90, 10);
  CHECK(Sums(rows, UsesByWeight(rows, {1, 1}, 100, 7, Purpose::kWeights), 2) == std::vector<std::int64_t>{50, 50});
  CHECK(Sums(rows, UsesByWeight(rows, {0.3, 0.1}, 100, 7, Purpose::kWeights), 2) == std::vector<std::int64_t>{75, 25});
  CHECK(Sums(rows, UsesByWeight(rows, {2, 1}, 100, 7, Purpose::kWeights), 2) == std::vector<std::int64_t>{67, 33});
  CHECK(Sums(rows, UsesByWeight(rows, {1e300, 1e300}, 7, 7, Purpose::kWeights), 2) == std::vector<std::int64_t>{4, 3});
}

TEST_CASE("A file's uses are spread evenly over its rows", "[chat]") {
  const auto rows = Rows(90, 10);
  const auto uses = UsesByWeight(rows, {1, 1}, 100, 7, Purpose::kWeights);
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK((rows[i] == 1 ? uses[i] == 5 : uses[i] <= 1));
  CHECK(UsesByWeight(rows, {1, 1}, 100, 7, Purpose::kWeights) == uses);
  CHECK(UsesByWeight(rows, {1, 1}, 100, 8, Purpose::kWeights) != uses);
}

TEST_CASE("The share of a file without rows goes to the others", "[chat]") {
  const auto rows = Rows(10, 0);
  CHECK(Sums(rows, UsesByWeight(rows, {1, 5}, 10, 7, Purpose::kWeights), 2) == std::vector<std::int64_t>{10, 0});
}

}  // namespace
}  // namespace lorasweep::chat
