#include "search/wanted_point.h"

#include <limits>

#include "search/random_sampler.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::MakeSpace;
using testing::MessageOf;

Condition When(const std::string& text) {
  absl::StatusOr<Condition> condition = Condition::Parse(text);
  REQUIRE(condition.ok());
  return *std::move(condition);
}

// rank, dropout for large ranks only, alpha computed, steps fixed.
testing::Sweep Example() {
  return {MakeSpace({{"rank", OrderedDomain{{std::int64_t{4}, std::int64_t{8}, std::int64_t{16}}}},
                     {"rate", FloatDomain{1e-5, 1e-2, true}},
                     {"dropout", FloatDomain{0, 0.5}, When("rank >= 16")},
                     {"alpha", DerivedDomain{testing::MakeExpression("2 * rank")}},
                     {"steps", ConstantDomain{std::int64_t{100}}}}),
          {}};
}

// Has an opinion on one kind of point only.
class SmallRanks : public Sampler {
 public:
  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t /*seed*/) const override {
    absl::StatusOr<Params> params = view.space.Complete({{"rank", std::int64_t{4}}, {"rate", 0.001}});
    if (!params.ok()) return params.status();
    return Suggestion{*std::move(params), "Small ranks are cheap."};
  }
};

class Silent : public Sampler {
 public:
  absl::StatusOr<Proposal> Suggest(const SweepView&, std::uint64_t /*seed*/) const override { return WaitForResults{}; }
};

Suggestion Take(absl::StatusOr<Suggestion> point) {
  INFO(point.status());
  REQUIRE(point.ok());
  return *std::move(point);
}

TEST_CASE("A point that is given whole is taken as it is, with what follows from it", "[search]") {
  const testing::Sweep sweep = Example();
  const Suggestion point =
      Take(WantedPoint(sweep.View(), {.given = {{"rank", 8.0}, {"rate", 0.002}}, .like = {}}, SmallRanks(), 1));
  CHECK(ToString(point.params) == "alpha=16 rank=8 rate=0.002 steps=100");
  CHECK(point.params.at("rank") == Value(std::int64_t{8}));
  CHECK(point.reason == "Wanted by a person.");
}

TEST_CASE("What is left open is as in a trial, else as the sampler would have it, else drawn at random", "[search]") {
  testing::Sweep sweep = Example();
  sweep.Add(TrialState::kCompleted,
            *sweep.space.Complete({{"rank", std::int64_t{16}}, {"rate", 0.003}, {"dropout", 0.25}}));
  const Suggestion like = Take(WantedPoint(sweep.View(), {.given = {{"rate", 0.004}}, .like = 0}, SmallRanks(), 1));
  CHECK(like.params.at("rank") == Value(std::int64_t{16}));
  CHECK(like.params.at("dropout") == Value(0.25));
  CHECK(like.params.at("rate") == Value(0.004));
  CHECK(like.reason == "Wanted by a person. What was left open: As in trial 0.");

  const Suggestion next =
      Take(WantedPoint(sweep.View(), {.given = {{"rank", std::int64_t{16}}}, .like = {}}, SmallRanks(), 1));
  CHECK(next.params.at("rate") == Value(0.001));
  CHECK(next.params.contains("dropout"));  // in use here, and not at the sampler's point
  CHECK(next.reason == "Wanted by a person. What was left open: Small ranks are cheap.");

  const Wish wish{.given = {{"rank", std::int64_t{4}}}, .like = {}};
  const Suggestion drawn = Take(WantedPoint(sweep.View(), wish, Silent(), 1));
  CHECK(drawn.reason == "Wanted by a person. What was left open: Drawn at random.");
  CHECK(Contains(FloatDomain{1e-5, 1e-2, true}, drawn.params.at("rate")));
  CHECK(Take(WantedPoint(sweep.View(), wish, Silent(), 1)).params == drawn.params);
  CHECK(Take(WantedPoint(sweep.View(), wish, Silent(), 2)).params != drawn.params);
}

TEST_CASE("A wrong wish is refused with the parameter, its value and what is allowed", "[search]") {
  const testing::Sweep sweep = Example();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::pair<Params, std::string> wrong[] = {
      {{{"rank", std::int64_t{5}}}, "parameter rank: 5 is not one of 4, 8, 16"},
      {{{"rate", 0.5}}, "parameter rate: 0.5 is not a number in [1e-05, 0.01]"},
      {{{"rate", nan}}, "parameter rate: nan is not a number in [1e-05, 0.01]"},
      {{{"rate", std::string("high")}}, "parameter rate: high is not a number in [1e-05, 0.01]"},
      {{{"epochs", std::int64_t{3}}}, "parameter epochs: unknown; parameters of this search: dropout, rank, rate"},
      {{{"alpha", 3.0}}, "parameter alpha: cannot be set: "},
      {{{"steps", std::int64_t{3}}}, "parameter steps: cannot be set: "},
      {{{"rank", std::int64_t{4}}, {"dropout", 0.1}},
       "parameter dropout: 0.1 has no effect here; it is in use when rank >= 16"}};
  for (const auto& [given, message] : wrong) {
    const absl::Status status = WantedPoint(sweep.View(), {.given = given, .like = {}}, RandomSampler(), 1).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK_THAT(MessageOf(status), Catch::StartsWith(message));
  }
}

}  // namespace
}  // namespace lorasweep::search
