#include "search/arithmetic.h"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

namespace lorasweep::search {
namespace {

TEST_CASE("Integer operations are exact or give way to numbers", "[search]") {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  CHECK(Apply('*', Whole(1 << 30), Whole(1 << 30)).integer == std::int64_t{1} << 60);
  CHECK_FALSE(Apply('*', Whole(kMost), Whole(2)).integer);
  CHECK_FALSE(Apply('-', Whole(kLeast), Whole(1)).integer);
  CHECK_FALSE(Apply('/', Whole(kLeast), Whole(-1)).integer);
  CHECK(Apply('/', Whole(-6), Whole(-1)).integer == 6);
  CHECK(std::isinf(Apply('/', Whole(1), Whole(0)).number));
  CHECK(std::isnan(Apply('/', Whole(0), Whole(0)).number));
  CHECK(Apply('^', Whole(-2), Whole(63)).integer == kLeast);
  CHECK_FALSE(Apply('^', Whole(2), Whole(63)).integer);
  CHECK(Apply('^', Whole(0), Whole(0)).integer == 1);
  CHECK(Apply('^', Whole(-1), Whole(kMost)).integer == -1);
}

TEST_CASE("Functions are found by their exact names", "[search]") {
  for (const std::string_view name : FunctionNames()) CHECK(FindFunction(name).has_value());
  CHECK(FunctionNames().size() == 11);
  CHECK_FALSE(FindFunction("Min"));
  CHECK_FALSE(FindFunction(""));
}

TEST_CASE("A NaN among the arguments is the result", "[search]") {
  const Number nan{std::nan(""), std::nullopt};
  CHECK(std::isnan(Call(Function::kMin, {Whole(1), nan}).number));
  CHECK(std::isnan(Call(Function::kMax, {nan, Whole(1)}).number));
}

}  // namespace
}  // namespace lorasweep::search
