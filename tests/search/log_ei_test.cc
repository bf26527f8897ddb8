#include "search/log_ei.h"

#include <cmath>

#include "tests/search/reference.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

TEST_CASE("Log expected improvement agrees with 600-digit arithmetic to 1e-12", "[search][gp]") {
  const nlohmann::json rows = testing::Reference("gp.json", "log_improvement");
  for (const auto& row : rows) {
    INFO("z " << row[0]);
    CHECK(LogImprovement(row[0]) == Approx(row[1].get<double>()).epsilon(1e-12).margin(1e-12));
  }
}

TEST_CASE("Log expected improvement is smooth where its forms meet and finite far away", "[search][gp]") {
  for (const double edge : {-15.0, -1.0}) {
    CHECK(LogImprovement(std::nextafter(edge, -100)) ==
          Approx(LogImprovement(std::nextafter(edge, 100))).epsilon(1e-12));
  }
  CHECK(std::isfinite(LogImprovement(-1e100)));
  CHECK(std::isfinite(LogImprovement(1e100)));
  CHECK(LogImprovement(-1e6) < LogImprovement(-1e5));
}

TEST_CASE("The slope of log expected improvement is that of finite differences", "[search][gp]") {
  for (const double z : {-200.0, -20.0, -7.0, -2.0, -0.5, 0.0, 1.0, 8.0}) {
    const double h = 1e-6 * std::max(1.0, std::abs(z));
    INFO("z " << z);
    CHECK(LogImprovementSlope(z) == Approx((LogImprovement(z + h) - LogImprovement(z - h)) / (2 * h)).epsilon(1e-6));
  }
}

}  // namespace
}  // namespace lorasweep::search
