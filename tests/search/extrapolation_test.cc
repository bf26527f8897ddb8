#include "search/extrapolation_pruner.h"

#include <cmath>

#include "search/algorithms.h"
#include "search/normal.h"
#include "search/rng.h"
#include "tests/search/pruner_suite.h"

namespace lorasweep::search {
namespace {

using Action = Verdict::Action;
using testing::At;
using testing::Sweep;

// c + a s^-b with noise, evaluated every ten steps.
std::vector<Evaluation> PowerLaw(double c, double a, double b, int steps, double noise, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Evaluation> curve = {At(0, 9)};
  for (int step = 10; step <= steps; step += 10) {
    curve.push_back(At(step, c + a * std::pow(step / 10.0, -b) + noise * NormalQuantile(rng.Uniform())));
  }
  return curve;
}

TEST_CASE("A power law is extrapolated, with an error that is honest", "[search][extrapolation]") {
  int within = 0;
  constexpr int kCurves = 200;
  for (int i = 0; i < kCurves; ++i) {
    const double b = 0.3 + 0.005 * i;
    const std::vector<Evaluation> whole = PowerLaw(1.5, 0.8, b, 300, 0.005, static_cast<std::uint64_t>(i));
    const std::optional<Forecast> end = Extrapolate(std::span(whole).first(11), 8 * 300);
    REQUIRE(end);
    const double truth = 1.5 + 0.8 * std::pow(30, -b);
    CHECK(std::abs(end->mean - truth) < 0.15);
    within += std::abs(end->mean - truth) <= 2 * end->deviation ? 1 : 0;
  }
  CHECK(within > 0.9 * kCurves);
}

TEST_CASE("Two trained evaluations are too few to extrapolate from", "[search][extrapolation]") {
  CHECK_FALSE(Extrapolate(std::vector<Evaluation>{At(0, 3), At(10, 2), At(20, 1.9)}, 800));
  CHECK_FALSE(Extrapolate(std::vector<Evaluation>{At(10, 2), At(20, NAN), At(30, 1.9)}, 800));
  const std::optional<Forecast> flat = Extrapolate(std::vector<Evaluation>{At(10, 2), At(20, 2), At(30, 2)}, 800);
  REQUIRE(flat);
  CHECK(flat->mean == 2);
}

// Completed trials whose schedule bends every curve down by 0.2 at the end, which no power law foresees.
Sweep BentSweep() {
  Sweep sweep;
  for (std::uint64_t i = 0; i < 8; ++i) {
    std::vector<Evaluation> curve = PowerLaw(1.5 + 0.05 * static_cast<double>(i), 0.8, 0.7, 200, 0.003, i);
    for (int step = 150; step <= 200; step += 10) {
      curve[static_cast<std::size_t>(step / 10)].value -= 0.2 * (step - 140) / 60;
    }
    sweep.AddCurve(TrialState::kCompleted, std::move(curve));
  }
  return sweep;
}

TEST_CASE("Completed trials show what the schedule does to all of them", "[search][extrapolation]") {
  Sweep sweep = BentSweep();
  const Trial& trial = sweep.AddCurve(TrialState::kRunning, PowerLaw(1.4, 0.8, 0.7, 100, 0.003, 50));
  const double truth = 1.4 + 0.8 * std::pow(20, -0.7) - 0.2;
  const std::optional<Forecast> end = ForecastEnd(sweep.View(), trial, 8 * 200, 5);
  REQUIRE(end);
  CHECK(std::abs(end->mean - truth) < 0.05);
  CHECK(std::abs(end->mean - truth) < 3 * end->deviation);
  CHECK(std::abs(Extrapolate(trial.curve, 8 * 200)->mean - truth) > 0.1);
  CHECK_FALSE(ForecastEnd(sweep.View(), trial, 8 * 200, 9));
}

TEST_CASE("A trial without a chance to become the best is stopped, others are not", "[search][extrapolation]") {
  const ExtrapolationPruner pruner({.min_sequences = 80, .min_trials = 5, .full_sequences = 8 * 200});
  const auto judge = [&](double level, int steps) {
    Sweep sweep = BentSweep();
    sweep.AddCurve(TrialState::kRunning, PowerLaw(level, 0.8, 0.7, steps, 0.003, 50));
    return pruner.Judge(sweep.View(), sweep.trials.back());
  };
  CHECK(judge(2.2, 20).action == Action::kContinue);  // two evaluations say nothing yet
  const Verdict verdict = judge(2.2, 100);
  CHECK(verdict.action == Action::kStop);
  INFO(verdict.reason);
  CHECK(verdict.reason.find("forecast to end at ") == 0);
  CHECK(verdict.reason.find("worse than trial 0: a chance of 0.0 %") != std::string::npos);
  CHECK(judge(1.5, 100).action == Action::kContinue);
  CHECK(judge(1.3, 100).action == Action::kContinue);
  CHECK(judge(2.2, 200).action == Action::kContinue);  // it is done
}

TEST_CASE("What is better in another objective is not stopped for its curve", "[search][extrapolation]") {
  const ExtrapolationPruner pruner({.min_trials = 5, .full_sequences = 8 * 200});
  Sweep sweep = BentSweep();
  for (Trial& trial : sweep.trials) trial.others = {5};
  Trial& trial = sweep.AddCurve(TrialState::kRunning, PowerLaw(2.2, 0.8, 0.7, 100, 0.003, 50));
  trial.others = {4};
  CHECK(pruner.Judge(sweep.View(), trial).action == Action::kContinue);
  trial.others = {NAN};
  CHECK(pruner.Judge(sweep.View(), trial).action == Action::kContinue);
  trial.others = {6};
  CHECK(pruner.Judge(sweep.View(), trial).action == Action::kStop);
}

TEST_CASE("The extrapolating pruner does what every pruner must", "[search][extrapolation]") {
  const auto pruner = MakePruner({.type = "extrapolation"});
  REQUIRE(pruner.ok());
  testing::CheckPruner(**pruner);
  CHECK_FALSE(MakePruner({.type = "extrapolation", .min_probability = 0}).ok());
  CHECK_FALSE(MakePruner({.type = "extrapolation", .min_trials = 0}).ok());
}

}  // namespace
}  // namespace lorasweep::search
