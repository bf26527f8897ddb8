#include "search/space.h"

#include <set>

#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::ConditionalGrid;
using testing::ConditionalSpace;
using testing::LoraSpace;
using testing::MakeExpression;
using testing::MakeSpace;
using testing::MessageOf;
using testing::When;

std::string MakeError(std::vector<Parameter> parameters) {
  const absl::StatusOr<Space> space = Space::Make(std::move(parameters));
  CHECK(space.status().code() == absl::StatusCode::kInvalidArgument);
  return MessageOf(space.status());
}

Params Free() {
  return {{"learning_rate", 1e-3},
          {"lora_rank", std::int64_t{8}},
          {"lora_dropout", 0.05},
          {"schedule", std::string("linear")}};
}

TEST_CASE("A space fills in constants and derived values", "[search]") {
  const absl::StatusOr<Params> point = LoraSpace().Complete(Free());
  REQUIRE(point.ok());
  CHECK(point->size() == 6);
  CHECK(point->at("lora_alpha") == Value(std::int64_t{16}));
  CHECK(point->at("model") == Value(std::string("tiny")));
}

TEST_CASE("Free parameters are those to choose, in name order", "[search]") {
  const Space space = LoraSpace();
  std::vector<std::string> names;
  for (const Parameter& parameter : space.free_parameters()) names.push_back(parameter.name);
  CHECK(names == std::vector<std::string>{"learning_rate", "lora_dropout", "lora_rank", "schedule"});
  CHECK(space.parameters().size() == 6);
}

TEST_CASE("Points outside the space are refused by name", "[search]") {
  const Space space = LoraSpace();
  auto error = [&](const std::string& name, std::optional<Value> value) {
    Params free = Free();
    free.erase(name);
    if (value) free[name] = *value;
    const absl::StatusOr<Params> point = space.Complete(free);
    CHECK(point.status().code() == absl::StatusCode::kInvalidArgument);
    return MessageOf(point.status());
  };
  CHECK(error("learning_rate", std::nullopt) == "parameter learning_rate: missing; it takes a number in [1e-05, 0.01]");
  CHECK(error("learning_rate", 0.5) == "parameter learning_rate: 0.5 is not a number in [1e-05, 0.01]");
  CHECK(error("lora_rank", std::int64_t{7}) == "parameter lora_rank: 7 is not one of 4, 8, 16, 32");
  CHECK(error("lora_rnak", std::int64_t{8}).find("unknown") != std::string::npos);
  CHECK(error("lora_alpha", std::int64_t{8}).find("computed as 2 * lora_rank") != std::string::npos);
  CHECK(error("model", std::string("tiny")).find("always tiny") != std::string::npos);
}

TEST_CASE("Derived parameters may read each other in any order", "[search]") {
  const Space space = MakeSpace({{"a", DerivedDomain{MakeExpression("b + 1")}},
                                 {"b", DerivedDomain{MakeExpression("c * 2")}},
                                 {"c", IntDomain{1, 5, false, 1}},
                                 {"d", DerivedDomain{MakeExpression("a + b")}}});
  const absl::StatusOr<Params> point = space.Complete({{"c", std::int64_t{3}}});
  REQUIRE(point.ok());
  CHECK(point->at("a") == Value(std::int64_t{7}));
  CHECK(point->at("d") == Value(std::int64_t{13}));
}

TEST_CASE("Spaces that make no sense are refused with the parameter's name", "[search]") {
  CHECK(MakeError({{"x", FloatDomain{2, 1, false, 0}}}) == "parameter x: min 2.0 is above max 1.0");
  CHECK(MakeError({{"x", FloatDomain{}}, {"x", IntDomain{}}}) == "parameter x: is given twice");
  CHECK(MakeError({{"", FloatDomain{}}}).find("empty name") != std::string::npos);
  CHECK(MakeError({{"x", DerivedDomain{MakeExpression("2 * y")}}, {"z", IntDomain{}}})
            .find("reads y, which is not a parameter") != std::string::npos);
  CHECK(MakeError({{"x", DerivedDomain{MakeExpression("2 * s")}}, {"s", CategoricalDomain{{std::string("a")}, {}}}})
            .find("reads s, whose values are not all numbers") != std::string::npos);
  CHECK(MakeError({{"x", DerivedDomain{MakeExpression("y")}}, {"y", DerivedDomain{MakeExpression("x")}}})
            .find("circle") != std::string::npos);
  CHECK(MakeError({{"x", DerivedDomain{MakeExpression("x + 1")}}}).find("circle") != std::string::npos);
  CHECK(MakeError(std::vector<Parameter>(1001)).find("at most 1000") != std::string::npos);
}

TEST_CASE("Points have values for what is in use only", "[search][conditional]") {
  const Space space = ConditionalSpace();
  const auto point = [&](const std::string& optimizer, double momentum, bool nesterov) {
    const absl::StatusOr<Params> complete = space.Complete({{"learning_rate", 1e-3},
                                                            {"optimizer", optimizer},
                                                            {"adam_beta2", 0.95},
                                                            {"momentum", momentum},
                                                            {"nesterov", nesterov}});
    REQUIRE(complete.ok());
    return ToString(*complete);
  };
  CHECK(point("adamw", 0.9, true) == "adam_beta2=0.95 learning_rate=0.001 optimizer=adamw");
  CHECK(point("sgd", 0.2, true) == "learning_rate=0.001 lr_end=0.0002 momentum=0.2 optimizer=sgd");
  CHECK(point("sgd", 0.5, true) == "learning_rate=0.001 lr_end=0.0005 momentum=0.5 nesterov=true optimizer=sgd");
  CHECK(point("sgd", 0.5, false) ==
        "dampening=0.1 learning_rate=0.001 lr_end=0.0005 momentum=0.5 nesterov=false optimizer=sgd");
  // What is not in use may be missing, what is may not.
  CHECK(space.Complete({{"learning_rate", 1e-3}, {"optimizer", std::string("adamw")}, {"adam_beta2", 0.95}}).ok());
  CHECK(MessageOf(space.Complete({{"learning_rate", 1e-3}, {"optimizer", std::string("sgd")}}).status()) ==
        "parameter momentum: missing; it takes a number in [0.0, 0.99]");
}

TEST_CASE("Parameters that are in use together are a group, behind what their conditions read",
          "[search][conditional]") {
  const Space space = ConditionalSpace();
  std::vector<std::string> groups;
  for (const std::vector<std::size_t>& group : space.groups()) {
    std::string names;
    for (const std::size_t i : group) names += space.free_parameters()[i].name + " ";
    groups.push_back(names);
  }
  CHECK(groups == std::vector<std::string>{"learning_rate optimizer ", "adam_beta2 ", "momentum ", "nesterov "});
  CHECK(LoraSpace().groups().size() == 1);
}

TEST_CASE("Conditions that make no sense are refused with the parameter's name", "[search][conditional]") {
  const CategoricalDomain optimizers{{std::string("adamw"), std::string("sgd")}, {}};
  const auto error = [&](const std::string& when) {
    return MakeError({{"optimizer", optimizers},
                      {"rank", IntDomain{1, 8, false, 1}},
                      {"twice", DerivedDomain{MakeExpression("2 * rank")}},
                      {"x", FloatDomain{}, When(when)}});
  };
  CHECK(error("optimiser == sgd").find("parameter x: its condition reads optimiser, which is not a parameter") == 0);
  CHECK(error("optimizer == lion") ==
        "parameter x: its condition reads optimizer, which is never lion: it is one of adamw, sgd");
  CHECK(error("rank in [4, 16]").find("which is never 16") != std::string::npos);
  CHECK(error("optimizer > 3").find("compare numbers with numbers") != std::string::npos);
  CHECK(error("rank < many").find("compare numbers with numbers") != std::string::npos);
  CHECK(error("twice == 4").find("which is computed from others") != std::string::npos);
  CHECK(error("x > 0").find("circle") != std::string::npos);
  CHECK(MakeError({{"a", FloatDomain{}, When("b > 0")}, {"b", FloatDomain{}, When("a > 0")}}).find("circle: a, b") !=
        std::string::npos);
}

TEST_CASE("The grid of a conditional space has each point that is in use once", "[search][conditional]") {
  const Space space = ConditionalGrid();
  REQUIRE(space.GridSize().ok());
  REQUIRE(*space.GridSize() == 10);
  std::set<std::string> points;
  for (std::int64_t i = 0; i < 10; ++i) {
    const absl::StatusOr<Params> point = space.GridPoint(i);
    REQUIRE(point.ok());
    CHECK(points.insert(ToString(*point)).second);
  }
  CHECK(ToString(*space.GridPoint(0)) == "beta=0.9 optimizer=adamw width=1");
  CHECK(ToString(*space.GridPoint(9)) == "momentum=0.9 optimizer=sgd width=2");
  const Space many = MakeSpace({{"a", IntDomain{1, 1001, false, 1}}, {"b", IntDomain{1, 2, false, 1}, When("a > 3")}});
  CHECK(MessageOf(many.GridSize().status()).find("more than 1000 combinations") != std::string::npos);
}

TEST_CASE("An expression that fails at a point names the parameter and the reason", "[search]") {
  const Space space = MakeSpace({{"a", IntDomain{0, 5, false, 1}}, {"b", DerivedDomain{MakeExpression("1 / a")}}});
  const absl::StatusOr<Params> point = space.Complete({{"a", std::int64_t{0}}});
  CHECK(MessageOf(point.status()) == "parameter b: 1 / a: the result is not finite for a=0");
}

TEST_CASE("The grid covers exactly its product, in lexicographic order", "[search]") {
  const Space space = MakeSpace({{"b", OrderedDomain{{std::int64_t{4}, std::int64_t{8}}}},
                                 {"a", FloatDomain{0, 0.2, false, 0.1}},
                                 {"c", CategoricalDomain{{std::string("x"), std::string("y")}, {}}},
                                 {"k", ConstantDomain{true}}});
  REQUIRE(space.GridSize().ok());
  CHECK(*space.GridSize() == 12);
  std::set<std::string> points;
  for (std::int64_t i = 0; i < 12; ++i) {
    const absl::StatusOr<Params> point = space.GridPoint(i);
    REQUIRE(point.ok());
    points.insert(ToString(*point));
  }
  CHECK(points.size() == 12);
  CHECK(ToString(*space.GridPoint(0)) == "a=0.0 b=4 c=x k=true");
  CHECK(ToString(*space.GridPoint(1)) == "a=0.0 b=4 c=y k=true");
  CHECK(ToString(*space.GridPoint(11)) == "a=0.2 b=8 c=y k=true");
  CHECK_FALSE(space.GridPoint(12).ok());
  CHECK_FALSE(space.GridPoint(-1).ok());
}

TEST_CASE("A grid too large to count is an error, not an overflow", "[search]") {
  std::vector<Parameter> parameters;
  for (int i = 0; i < 8; ++i)
    parameters.push_back({std::string(1, static_cast<char>(97 + i)), IntDomain{1, 1000000, false, 1}});
  const Space space = MakeSpace(parameters);
  CHECK(space.GridSize().status().code() == absl::StatusCode::kInvalidArgument);
  CHECK_FALSE(space.GridPoint(0).ok());
}

TEST_CASE("A continuous parameter has no grid and is named", "[search]") {
  const absl::StatusOr<std::int64_t> size = LoraSpace().GridSize();
  CHECK(MessageOf(size.status()).find("learning_rate") != std::string::npos);
}

TEST_CASE("An empty space has one point", "[search]") {
  CHECK(*Space().GridSize() == 1);
  CHECK(Space().Complete({})->empty());
  CHECK(MakeSpace({{"k", ConstantDomain{3.5}}}).GridPoint(0)->at("k") == Value(3.5));
}

}  // namespace
}  // namespace lorasweep::search
