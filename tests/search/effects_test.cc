#include "search/effects.h"

#include <algorithm>
#include <cmath>

#include "search/gaussian_process.h"
#include "search/random_sampler.h"
#include "search/rng.h"
#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using testing::NumberOf;

Space ThreeNumbers() {
  return testing::MakeSpace(
      {{"a", FloatDomain{0, 1, false, 0}}, {"b", FloatDomain{0, 1, false, 0}}, {"c", FloatDomain{0, 1, false, 0}}});
}

double Sum(const Params& params) {
  return 2 * NumberOf(params, "a") + NumberOf(params, "b");
}

double Product(const Params& params) {
  return 12 * (NumberOf(params, "a") - 0.5) * (NumberOf(params, "b") - 0.5);
}

double Noise(const Params& params) {
  return std::fmod(1e6 * NumberOf(params, "a"), 1.0);
}

Effects EffectsOf(double (*loss)(const Params&), int trials) {
  const testing::Sweep sweep = testing::RunSweep(RandomSampler(), ThreeNumbers(), trials, 4, loss);
  const absl::StatusOr<Effects> effects = FindEffects(sweep.View(), 1);
  REQUIRE(effects.ok());
  return *effects;
}

TEST_CASE("Main effects of a sum are its terms, and nothing is left to pairs", "[search][importance]") {
  const Effects effects = EffectsOf(Sum, 60);
  CHECK(effects.fit > 0.95);
  REQUIRE(effects.effects.size() == 3);
  const auto rise = [&](std::size_t i) {
    const std::vector<Effect::Point>& points = effects.effects[i].points;
    REQUIRE(points.size() == 9);
    return points.back().metric.value - points.front().metric.value;
  };
  // From the first ninth's middle to the last's.
  CHECK(rise(0) == Approx(2 * 8.0 / 9).epsilon(0.1));
  CHECK(rise(1) == Approx(8.0 / 9).epsilon(0.1));
  CHECK(std::abs(rise(2)) < 0.1);
  const Effect::Point& middle = effects.effects[0].points[4];
  CHECK(NumberOf({{"a", middle.value}}, "a") == Approx(0.5));
  CHECK(middle.metric.value == Approx(1.5).epsilon(0.05));
  CHECK(middle.metric.stderr_ > 0);
  CHECK(middle.metric.stderr_ < 0.1);
  CHECK(effects.interactions.empty());
}

TEST_CASE("Of a product of two parameters the pair has it all", "[search][importance]") {
  const Effects effects = EffectsOf(Product, 80);
  REQUIRE(!effects.interactions.empty());
  const Interaction& most = effects.interactions.front();
  CHECK((most.first + most.second == "ab" || most.first + most.second == "ba"));
  CHECK(most.share > 0.8);
}

TEST_CASE("Results that no parameter explains have no effects", "[search][importance]") {
  const Effects effects = EffectsOf(Noise, 40);
  CHECK(effects.fit < kLeastFit);
  CHECK(effects.effects.empty());
  const testing::Sweep few = testing::RunSweep(RandomSampler(), ThreeNumbers(), 9, 4, Sum);
  CHECK(absl::IsFailedPrecondition(FindEffects(few.View(), 1).status()));
}

TEST_CASE("What a process says of a trial left out is what one without it predicts", "[search][gp]") {
  Rng rng(3);
  GpData data{{false, false}, Eigen::MatrixXd(2, 12), Eigen::VectorXd(12)};
  for (Eigen::Index i = 0; i < 12; ++i) {
    data.points.col(i) << rng.Uniform(), rng.Uniform();
    data.values[i] = std::sin(5 * data.points(0, i)) + data.points(1, i);
  }
  const GpParams params{Eigen::VectorXd::Constant(2, 3.0), 1.2, 0.01};
  const GaussianProcess process(data, params);
  GpData without = data;
  without.points.conservativeResize(2, 11);
  without.values.conservativeResize(11);
  const GaussianProcess rest(without, params);
  CHECK(process.LeftOutMeans()[11] == Approx(rest.Predict(data.points.col(11)).mean).epsilon(1e-8));
  // The average over one point is the prediction there.
  const GaussianProcess::Prediction there = process.Predict(data.points.col(3) * 0.9);
  const GaussianProcess::Prediction average = process.AverageOver(data.points.col(3) * 0.9);
  CHECK(average.mean == Approx(there.mean));
  CHECK(average.variance == Approx(there.variance));
  CHECK(process.Means(data.points).isApprox(process.FittedMeans(), 1e-8));
}

}  // namespace
}  // namespace lorasweep::search
