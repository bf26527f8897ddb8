#include "search/parzen_estimator.h"

#include <cmath>

#include <catch2/catch.hpp>

namespace lorasweep::search {
namespace {

using Kind = Axis::Kind;

std::vector<Axis> MixedAxes() {
  return {{Kind::kContinuous, -2, 3, 0, false, {}},
          {Kind::kContinuous, 1e-5, 1e-2, 0, true, {}},
          {Kind::kStepped, 0, 0.5, 0.05, false, {}},
          {Kind::kStepped, 1, 128, 1, true, {}},
          {Kind::kCategorical, 0, 2, 0, false, {0.5, 0.25, 0.25}}};
}

std::vector<std::vector<double>> MixedObservations() {
  return {{0.5, 1e-4, 0.1, 8, 0}, {0.6, 2e-4, 0.1, 16, 0}, {2.9, 9e-3, 0.45, 100, 2}};
}

TEST_CASE("Samples stay inside their axes and on their steps", "[search][tpe]") {
  const std::vector<Axis> axes = MixedAxes();
  const ParzenEstimator estimator(axes, MixedObservations());
  Rng rng(3);
  for (int i = 0; i < 2000; ++i) {
    const std::vector<double> point = estimator.Sample(&rng);
    for (std::size_t a = 0; a < point.size(); ++a) {
      const Axis& axis = axes[a];
      CHECK(point[a] >= axis.low);
      CHECK(point[a] <= axis.high);
      const double steps = axis.step > 0 ? (point[a] - axis.low) / axis.step : 0;
      CHECK(std::abs(steps - std::round(steps)) < 1e-9);
    }
    CHECK(std::isfinite(estimator.LogDensity(point)));
  }
}

TEST_CASE("Probabilities on discrete axes sum to one, and samples follow them", "[search][tpe]") {
  const std::vector<Axis> axes = {{Kind::kStepped, 1, 6, 1, true, {}},
                                  {Kind::kCategorical, 0, 2, 0, false, {0.5, 0.25, 0.25}}};
  const ParzenEstimator estimator(axes, {{2, 0}, {2, 1}, {5, 1}, {6, 2}});
  std::vector<std::vector<double>> share(7, std::vector<double>(3));
  Rng rng(4);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const std::vector<double> point = estimator.Sample(&rng);
    share[static_cast<std::size_t>(point[0])][static_cast<std::size_t>(point[1])] += 1.0 / kDraws;
  }
  double sum = 0;
  for (int x = 1; x <= 6; ++x) {
    for (int c = 0; c < 3; ++c) {
      const double probability = std::exp(estimator.LogDensity({double(x), double(c)}));
      sum += probability;
      CHECK(share[static_cast<std::size_t>(x)][static_cast<std::size_t>(c)] == Approx(probability).margin(0.015));
    }
  }
  CHECK(sum == Approx(1).epsilon(1e-12));
}

TEST_CASE("The density over a continuous axis integrates to one", "[search][tpe]") {
  const ParzenEstimator estimator({{Kind::kContinuous, -2, 3, 0, false, {}}}, {{-1.5}, {0.2}, {0.3}, {2.8}});
  double integral = 0;
  constexpr int kCells = 20000;
  for (int i = 0; i < kCells; ++i) {
    integral += std::exp(estimator.LogDensity({-2 + 5 * (i + 0.5) / kCells})) * 5 / kCells;
  }
  CHECK(integral == Approx(1).epsilon(1e-6));
}

TEST_CASE("Without observations only the prior is left", "[search][tpe]") {
  const ParzenEstimator estimator({{Kind::kCategorical, 0, 2, 0, false, {0.5, 0.25, 0.25}}}, {});
  CHECK(std::exp(estimator.LogDensity({0})) == Approx(0.5));
  CHECK(std::exp(estimator.LogDensity({2})) == Approx(0.25));
}

TEST_CASE("Old observations count less than new ones", "[search][tpe]") {
  std::vector<std::vector<double>> observations(60, {0.0});
  for (std::size_t i = 0; i < 30; ++i) observations[i] = {1.0};
  const ParzenEstimator estimator({{Kind::kCategorical, 0, 1, 0, false, {0.5, 0.5}}}, observations);
  CHECK(estimator.LogDensity({0}) > estimator.LogDensity({1}) + 0.3);
}

}  // namespace
}  // namespace lorasweep::search
