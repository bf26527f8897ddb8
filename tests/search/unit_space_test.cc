#include "search/unit_space.h"

#include "search/domain.h"
#include "search/rng.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::MakeSpace;

Space EveryKind() {
  using Kind = QuantileDomain::Kind;
  return MakeSpace({{"a", OrderedDomain{{std::int64_t{4}, std::int64_t{8}, std::int64_t{64}}}},
                    {"b", QuantileDomain{Kind::kLogNormal, -7, 1, 0}},
                    {"c", CategoricalDomain{{std::string("x"), true, 2.5}, {0.2, 0.5, 0.3}}},
                    {"d", IntDomain{1, 64, true, 1}},
                    {"e", FloatDomain{0, 0.3, false, 0.1}},
                    {"f", IntDomain{7, 7, false, 1}},
                    {"g", FloatDomain{1e-5, 1e-2, true, 0}},
                    {"h", IntDomain{-1000, 1000, false, 5}},
                    {"i", QuantileDomain{Kind::kNormal, 0, 3, 0.5}},
                    {"j", FloatDomain{-3, 5, false, 0}},
                    {"k", ConstantDomain{1.0}}});
}

TEST_CASE("Coordinates are in the unit cube and lead back to the same point", "[search][gp]") {
  const Space space = EveryKind();
  const UnitSpace unit(space);
  CHECK(unit.axes().size() == 9);
  Rng rng(3);
  for (int i = 0; i < 200; ++i) {
    Params params;
    for (const Parameter& parameter : space.free_parameters()) {
      params.emplace(parameter.name, AtQuantile(parameter.domain, rng.Uniform()));
    }
    const std::optional<std::vector<double>> coordinates = unit.CoordinatesOf(params);
    REQUIRE(coordinates);
    for (const double u : *coordinates) CHECK((u >= 0 && u <= 1));
    const Params back = unit.ParamsAt(*coordinates);
    REQUIRE(back.size() == params.size());
    for (const auto& [name, value] : params) {
      INFO(name << " = " << ToString(value) << ", back " << ToString(back.at(name)));
      double x = 0;
      double y = 0;
      if (AsNumber(value, &x) && AsNumber(back.at(name), &y)) {
        CHECK(y == Approx(x).epsilon(1e-9).margin(1e-9));
      } else {
        CHECK(SameValue(back.at(name), value));
      }
    }
  }
}

TEST_CASE("Scales, steps and choices are uniform in the cube", "[search][gp]") {
  const Space space = EveryKind();
  const UnitSpace unit(space);
  using Kind = UnitAxis::Kind;
  CHECK(unit.axes()[0].kind == Kind::kOrdered);
  CHECK(unit.axes()[0].coordinates == std::vector<double>{1.0 / 6, 0.5, 5.0 / 6});
  CHECK(unit.axes()[2].kind == Kind::kCategorical);
  CHECK(unit.axes()[2].coordinates[1] == Approx(0.45));
  CHECK(unit.axes()[3].kind == Kind::kContinuous);  // 64 points are as good as a continuum
  CHECK(unit.axes()[4].coordinates.size() == 4);
  CHECK(unit.axes()[5].kind == Kind::kContinuous);
  CHECK(unit.axes()[6].kind == Kind::kContinuous);
  CHECK(QuantileOf(FloatDomain{1e-5, 1e-1, true, 0}, 1e-3) == Approx(0.5));
  CHECK(unit.Snapped(0, 0.4) == 0.5);
  CHECK(unit.Snapped(4, 0.99) == Approx(7.0 / 8));
}

TEST_CASE("Points outside the space have no coordinates", "[search][gp]") {
  const Space space = MakeSpace({{"x", FloatDomain{0, 1, false, 0}}});
  const UnitSpace unit(space);
  CHECK_FALSE(unit.CoordinatesOf({{"x", 2.0}}));
  CHECK_FALSE(unit.CoordinatesOf({{"y", 0.5}}));
  CHECK(unit.CoordinatesOf({{"x", 1.0}}) == std::vector<double>{1.0});
}

TEST_CASE("What is not in use stands in the middle of the cube", "[search][gp][conditional]") {
  const Space space = testing::ConditionalSpace();
  const UnitSpace unit(space);
  const std::optional<std::vector<double>> adamw =
      unit.CoordinatesOf({{"adam_beta2", 0.999}, {"learning_rate", 1e-2}, {"optimizer", std::string("adamw")}});
  REQUIRE(adamw);
  // adam_beta2, learning_rate, momentum, nesterov, optimizer.
  CHECK((*adamw)[0] == Approx(1));
  CHECK((*adamw)[1] == Approx(1));
  CHECK((*adamw)[2] == Approx(0.5));
  CHECK(unit.InUse(*adamw) == std::vector<bool>{true, true, false, false, true});
  std::vector<double> other = *adamw;
  other[2] = 0.9;
  unit.Settle(&other);
  CHECK(other == *adamw);
  CHECK_FALSE(unit.CoordinatesOf({{"learning_rate", 1e-2}, {"optimizer", std::string("adamw")}}));
}

}  // namespace
}  // namespace lorasweep::search
