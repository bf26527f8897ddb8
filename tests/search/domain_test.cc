#include "search/domain.h"

#include <map>

#include "search/rng.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::MessageOf;
using Kind = QuantileDomain::Kind;

const std::int64_t k1 = 1;

std::vector<Domain> ManyDomains() {
  return {FloatDomain{-2, 3, false, 0},
          FloatDomain{1e-5, 1e-2, true, 0},
          FloatDomain{0, 0.5, false, 0.1},
          FloatDomain{0.1, 0.85, false, 0.2},
          FloatDomain{2, 2, false, 0},
          IntDomain{-3, 12, false, 1},
          IntDomain{2, 23, false, 5},
          IntDomain{1, 128, true, 1},
          CategoricalDomain{{std::string("a"), true, 0.5, std::int64_t{3}}, {}},
          CategoricalDomain{{std::string("a"), std::string("b")}, {0.9, 0.1}},
          OrderedDomain{{std::int64_t{4}, std::int64_t{8}, 16.5}},
          QuantileDomain{Kind::kNormal, 1, 2, 0},
          QuantileDomain{Kind::kNormal, 0, 3, 0.5},
          QuantileDomain{Kind::kLogNormal, -7, 1, 0},
          QuantileDomain{Kind::kLogNormal, 1, 1, 2},
          QuantileDomain{Kind::kBeta, 2, 5, 0},
          QuantileDomain{Kind::kBeta, 0.5, 0.5, 0.6},
          QuantileDomain{Kind::kInverseLogUniform, 1, 5, 0}};
}

TEST_CASE("Every quantile of every domain is a point of it", "[search]") {
  for (const Domain& domain : ManyDomains()) {
    INFO(Describe(domain));
    CHECK(CheckDomain(domain).ok());
    for (const double u : {0x1p-53, 1e-9, 0.01, 0.25, 0.5, 0.77, 0.99, 1 - 1e-9, 1 - 0x1p-53}) {
      const Value value = AtQuantile(domain, u);
      INFO(ToString(value));
      CHECK(Contains(domain, value));
      CHECK(SameValue(Canonical(domain, value), value));
    }
  }
}

TEST_CASE("The points of a domain and their indices belong together", "[search]") {
  for (const Domain& domain : ManyDomains()) {
    const std::optional<std::int64_t> count = Cardinality(domain);
    INFO(Describe(domain));
    for (std::int64_t i = 0; i < count.value_or(0); ++i) {
      const Value point = PointAt(domain, i);
      CHECK(Contains(domain, point));
      CHECK(DiscreteIndex(domain, point) == i);
    }
  }
  CHECK(Cardinality(FloatDomain{0, 0.5, false, 0.1}) == 6);
  CHECK(Cardinality(FloatDomain{0.1, 0.85, false, 0.2}) == 4);
  CHECK(Cardinality(IntDomain{2, 23, false, 5}) == 5);
  CHECK(Cardinality(FloatDomain{0, 1, false, 0}) == std::nullopt);
}

TEST_CASE("Steps give clean decimals", "[search]") {
  const Domain domain = FloatDomain{0, 1, false, 0.1};
  CHECK(ToString(PointAt(domain, 3)) == "0.3");
  CHECK(ToString(PointAt(domain, 7)) == "0.7");
  CHECK(Contains(domain, 0.1 + 0.2));
  CHECK_FALSE(Contains(domain, 0.35));
}

TEST_CASE("Domains contain what they can produce and nothing else", "[search]") {
  CHECK(Contains(FloatDomain{0, 1, false, 0}, std::int64_t{1}));
  CHECK_FALSE(Contains(FloatDomain{0, 1, false, 0}, 1.5));
  CHECK_FALSE(Contains(FloatDomain{0, 1, false, 0}, std::string("0.5")));
  CHECK_FALSE(Contains(FloatDomain{0, 1, false, 0}, true));
  CHECK_FALSE(Contains(FloatDomain{0, 1, false, 0}, std::nan("")));
  CHECK(Contains(IntDomain{0, 4, false, 2}, 4.0));
  CHECK_FALSE(Contains(IntDomain{0, 4, false, 2}, std::int64_t{3}));
  CHECK_FALSE(Contains(IntDomain{0, 4, false, 1}, 1e300));
  CHECK_FALSE(Contains(IntDomain{0, 4, false, 1}, std::nan("")));
  CHECK(Contains(CategoricalDomain{{std::int64_t{1}, std::string("1")}, {}}, 1.0));
  CHECK_FALSE(Contains(CategoricalDomain{{std::int64_t{1}, std::int64_t{0}}, {}}, true));
  CHECK_FALSE(Contains(OrderedDomain{{k1, std::int64_t{4}}}, std::int64_t{2}));
  CHECK_FALSE(Contains(QuantileDomain{Kind::kLogNormal, 0, 1, 0}, -1.0));
  CHECK_FALSE(Contains(QuantileDomain{Kind::kBeta, 2, 2, 0}, 1.1));
  CHECK(Contains(QuantileDomain{Kind::kNormal, 0, 1, 0.5}, -1.5));
  CHECK_FALSE(Contains(QuantileDomain{Kind::kNormal, 0, 1, 0.5}, 0.7));
}

TEST_CASE("Values take the domain's own type", "[search]") {
  CHECK(Canonical(FloatDomain{0, 1, false, 0}, std::int64_t{1}) == Value(1.0));
  CHECK(Canonical(IntDomain{0, 9, false, 1}, 4.0) == Value(std::int64_t{4}));
  CHECK(Canonical(OrderedDomain{{std::int64_t{4}, std::int64_t{8}}}, 8.0) == Value(std::int64_t{8}));
  CHECK(Canonical(FloatDomain{0, 1, false, 0.1}, 0.1 + 0.2) == Value(0.3));
}

// Shares of `draws` random draws, by text.
std::map<std::string, double> Shares(const Domain& domain, int draws) {
  Rng rng(1);
  std::map<std::string, double> shares;
  for (int i = 0; i < draws; ++i) shares[ToString(AtQuantile(domain, rng.Uniform()))] += 1.0 / draws;
  return shares;
}

TEST_CASE("Choices come up as often as their probabilities say", "[search]") {
  auto shares =
      Shares(CategoricalDomain{{std::string("a"), std::string("b"), std::string("c")}, {0.7, 0.2, 0.1}}, 20000);
  CHECK(shares["a"] == Approx(0.7).margin(0.015));
  CHECK(shares["b"] == Approx(0.2).margin(0.015));
  CHECK(shares["c"] == Approx(0.1).margin(0.015));
}

TEST_CASE("Both ends of a stepped range are as likely as the middle", "[search]") {
  auto shares = Shares(FloatDomain{0, 0.2, false, 0.05}, 20000);
  CHECK(shares.size() == 5);
  for (const auto& [text, share] : shares) CHECK(share == Approx(0.2).margin(0.015));
}

TEST_CASE("Logarithmic integers are as likely as they are wide on that scale", "[search]") {
  auto shares = Shares(IntDomain{1, 4, true, 1}, 40000);
  const double range = std::log(4.5 / 0.5);
  CHECK(shares["1"] == Approx(std::log(3.0) / range).margin(0.015));
  CHECK(shares["4"] == Approx(std::log(4.5 / 3.5) / range).margin(0.015));
}

TEST_CASE("Domains that make no sense are refused with what is allowed", "[search]") {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<Domain, std::string>> bad = {
      {FloatDomain{1, 0, false, 0}, "above max"},
      {FloatDomain{0, inf, false, 0}, "finite"},
      {FloatDomain{-1e308, 1e308, false, 0}, "finite"},
      {FloatDomain{std::nan(""), 1, false, 0}, "finite"},
      {FloatDomain{0, 1, true, 0}, "above 0"},
      {FloatDomain{1, 2, true, 0.5}, "step"},
      {FloatDomain{0, 1, false, -0.1}, "step"},
      {FloatDomain{0, 1, false, 1e-12}, "too small"},
      {IntDomain{5, 4, false, 1}, "above max"},
      {IntDomain{0, 4, true, 1}, "1 or more"},
      {IntDomain{1, 4, true, 2}, "step"},
      {IntDomain{1, 4, false, 0}, "step"},
      {IntDomain{INT64_MIN, INT64_MAX, false, 1}, "between"},
      {CategoricalDomain{{}, {}}, "at least one"},
      {CategoricalDomain{{k1, 1.0}, {}}, "twice"},
      {CategoricalDomain{{std::string("a"), k1, std::string("a")}, {}}, "a is listed twice"},
      {CategoricalDomain{{k1, std::string("b")}, {1.0}}, "probabilities"},
      {CategoricalDomain{{k1, std::string("b")}, {0.5, 0.6}}, "sum"},
      {CategoricalDomain{{k1, std::string("b")}, {1.0, 0.0}}, "above 0"},
      {CategoricalDomain{{std::nan("")}, {}}, "finite"},
      {CategoricalDomain{std::vector<Value>(kMaxChoices + 1, k1), {}}, "too many"},
      {OrderedDomain{{}}, "at least one"},
      {OrderedDomain{{std::int64_t{8}, std::int64_t{4}}}, "order"},
      {OrderedDomain{{k1, 1.0}}, "twice"},
      {OrderedDomain{{std::string("a")}}, "not a number"},
      {QuantileDomain{Kind::kNormal, 0, 0, 0}, "sigma"},
      {QuantileDomain{Kind::kLogNormal, 0, 100, 0}, "logarithm"},
      {QuantileDomain{Kind::kBeta, 0, 1, 0}, "alpha"},
      {QuantileDomain{Kind::kInverseLogUniform, 2, 1, 0}, "below max"},
      {QuantileDomain{Kind::kNormal, std::nan(""), 1, 0}, "between"},
      {ConstantDomain{inf}, "finite"},
      {DerivedDomain{}, "empty"}};
  for (const auto& [domain, word] : bad) {
    const absl::Status status = CheckDomain(domain);
    INFO(MessageOf(status));
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(MessageOf(status).find(word) != std::string::npos);
  }
}

}  // namespace
}  // namespace lorasweep::search
