#include "search/quantile.h"

#include <cmath>

#include "tests/search/reference.h"

namespace lorasweep::search {
namespace {

using Kind = QuantileDomain::Kind;
using testing::Reference;

TEST_CASE("The beta distribution agrees with scipy", "[search]") {
  const nlohmann::json beta_cdf = Reference("normal.json", "beta_cdf");
  for (const auto& row : beta_cdf) {
    const double actual = QuantileCdf({Kind::kBeta, row[0], row[1], 0}, row[2]);
    INFO(row.dump() << " " << actual);
    CHECK(actual == Approx(row[3].get<double>()).epsilon(1e-11).margin(1e-300));
  }
  const nlohmann::json beta_quantile = Reference("normal.json", "beta_quantile");
  for (const auto& row : beta_quantile) {
    const double actual = QuantileValue({Kind::kBeta, row[0], row[1], 0}, row[2]);
    INFO(row.dump() << " " << actual);
    CHECK(actual == Approx(row[3].get<double>()).epsilon(1e-10));
  }
}

TEST_CASE("Quantiles follow their definitions", "[search]") {
  CHECK(QuantileValue({Kind::kNormal, 3, 2, 0}, 0.5) == Approx(3));
  CHECK(QuantileValue({Kind::kNormal, 3, 2, 0}, 0.8413447460685429) == Approx(5));
  CHECK(QuantileValue({Kind::kLogNormal, -7, 1, 0}, 0.5) == Approx(std::exp(-7.0)));
  // log(1/x) is uniform in [a, b]: the median has log(1/x) in the middle.
  CHECK(QuantileValue({Kind::kInverseLogUniform, 2, 6, 0}, 0.5) == Approx(std::exp(-4.0)));
  CHECK(QuantileValue({Kind::kInverseLogUniform, 2, 6, 0}, 0.25) == Approx(std::exp(-5.0)));
}

TEST_CASE("The distribution undoes the quantile, and values ascend", "[search]") {
  for (const QuantileDomain& domain :
       {QuantileDomain{Kind::kNormal, 3, 2, 0}, QuantileDomain{Kind::kLogNormal, -7, 0.5, 0},
        QuantileDomain{Kind::kBeta, 2, 5, 0}, QuantileDomain{Kind::kInverseLogUniform, 2, 6, 0}}) {
    double previous = -INFINITY;
    for (double p = 0.001; p < 1; p += 0.037) {
      const double x = QuantileValue(domain, p);
      CHECK(QuantileCdf(domain, x) == Approx(p));
      CHECK(x > previous);
      previous = x;
    }
    const Support support = SupportOf(domain);
    CHECK(QuantileCdf(domain, support.low) == 0);
    CHECK(QuantileCdf(domain, support.high) == 1);
  }
}

}  // namespace
}  // namespace lorasweep::search
