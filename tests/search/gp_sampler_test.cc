#include "search/gp_sampler.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "search/random_sampler.h"
#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using testing::At;
using testing::BestLoraLoss;
using testing::LoraLoss;
using testing::LoraSpace;
using testing::MakeSpace;
using testing::NumberOf;
using testing::RunSweep;
using testing::SuggestionOf;
using testing::Sweep;

// As LoraLoss, but it diverges at once above 5e-3.
double Loss(const Params& params) {
  return NumberOf(params, "learning_rate") > 5e-3 ? NAN : LoraLoss(params);
}

Sweep Line(int count) {
  return RunSweep(RandomSampler(), MakeSpace({{"x", FloatDomain{0, 1, false, 0}}}), count, 1,
                  [](const Params& params) { return std::pow(NumberOf(params, "x") - 0.3, 2); });
}

TEST_CASE("The Gaussian process finds the optimum of a LoRA-like space in 30 trials", "[search][gp]") {
  std::vector<double> gp;
  std::vector<double> random;
  for (std::uint64_t seed = 0; seed < 7; ++seed) {
    gp.push_back(BestLoraLoss(GpSampler({seed}), 30, seed, Loss));
    random.push_back(BestLoraLoss(RandomSampler(), 30, seed, Loss));
  }
  std::sort(gp.begin(), gp.end());
  std::sort(random.begin(), random.end());
  INFO("median best loss: GP " << gp[3] << ", random " << random[3]);
  CHECK(gp[3] < 0.01);
  CHECK(gp[3] < 0.1 * random[3]);
}

TEST_CASE("The Gaussian process starts with Sobol points, then says what it expects", "[search][gp]") {
  Sweep sweep = Line(4);
  CHECK(SuggestionOf(GpSampler({1}).Suggest(sweep.View(), 1)).reason == "Point 5 of a scrambled Sobol sequence.");
  sweep = Line(12);
  int random = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Suggestion suggestion = SuggestionOf(GpSampler({1}).Suggest(sweep.View(), seed));
    INFO(suggestion.reason);
    if (suggestion.reason.find("Drawn at random, as one in 25 is") == 0) {
      ++random;
      continue;
    }
    CHECK(suggestion.reason.find("Highest expected improvement (log ") == 0);
    CHECK(suggestion.reason.find(" of a Gaussian process over 12 trials.") != std::string::npos);
    CHECK(std::abs(NumberOf(suggestion.params, "x") - 0.3) < 0.1);
  }
  CHECK(random >= 1);
  CHECK(random <= 12);
}

TEST_CASE("Workers that ask the Gaussian process at once are sent to different places", "[search][gp]") {
  const std::vector<std::string> names = {"x", "y", "z"};
  std::vector<Parameter> parameters;
  for (const std::string& name : names) parameters.push_back({name, FloatDomain{0, 1, false, 0}});
  Sweep sweep = RunSweep(RandomSampler(), MakeSpace(parameters), 16, 1, [&](const Params& params) {
    double sum = 0;
    for (const std::string& name : names) sum += std::pow(NumberOf(params, name) - 0.3, 2);
    return sum;
  });
  std::vector<Params> asked;
  double closest = 1;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const Params params = SuggestionOf(GpSampler({1}).Suggest(sweep.View(), seed)).params;
    for (const Params& other : asked) {
      double squares = 0;
      for (const std::string& name : names) squares += std::pow(NumberOf(params, name) - NumberOf(other, name), 2);
      closest = std::min(closest, std::sqrt(squares));
    }
    asked.push_back(params);
    sweep.Add(TrialState::kRunning, params);
  }
  CHECK(closest > 0.01);
}

TEST_CASE("The Gaussian process keeps away from infeasible regions", "[search][gp]") {
  CHECK(testing::SuggestionsInFeasibleHalf(GpSampler({1}), 20) >= 17);
}

TEST_CASE("A suggestion of the Gaussian process costs no more after thousands of trials", "[search][gp]") {
  auto seconds = [](int count) {
    Sweep sweep{LoraSpace(), {}};
    for (int i = 0; i < count; ++i) {
      const Params params = SuggestionOf(RandomSampler().Suggest(SweepView{sweep.space, {}}, TrialSeed(7, i))).params;
      sweep.Add(TrialState::kCompleted, params, {At(10, Loss(params))});
    }
    const std::clock_t start = std::clock();
    SuggestionOf(GpSampler({1}).Suggest(sweep.View(), 2));
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  const double long_history = seconds(5000);
  const double short_history = seconds(600);
  INFO(short_history << " s at 600 trials, " << long_history << " s at 5000");
  CHECK(long_history < 5 * short_history + 0.1);
  CHECK(long_history < 3);
}

TEST_CASE("Per second, the Gaussian process prefers what is cheap among what is as good", "[search][gp]") {
  // Every x is as good as 1 - x, but trials take ten times longer at 1 than at 0.
  Sweep sweep{MakeSpace({{"x", FloatDomain{0, 1, false, 0}}}), {}};
  for (int i = 0; i < 12; ++i) {
    const double x = (i + 0.5) / 12;
    sweep.Add(TrialState::kCompleted, {{"x", x}}, {At(10, std::cos(25 * x) * (1 + 0.3 * std::abs(x - 0.5)))});
    sweep.trials.back().seconds = std::pow(10, x);
  }
  double by_trial = 0;
  double by_second = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    by_trial += NumberOf(SuggestionOf(GpSampler({1}).Suggest(sweep.View(), seed)).params, "x");
    const Suggestion cheap = SuggestionOf(GpSampler({1, true}).Suggest(sweep.View(), seed));
    by_second += NumberOf(cheap.params, "x");
  }
  CHECK(by_second < by_trial - 1);
  CHECK(SuggestionOf(GpSampler({1, true}).Suggest(sweep.View(), 3)).reason.find("improvement per second") !=
        std::string::npos);
  // Nobody knows how long trials take: as without.
  for (Trial& trial : sweep.trials) trial.seconds = NAN;
  CHECK(SuggestionOf(GpSampler({1, true}).Suggest(sweep.View(), 3)).params ==
        SuggestionOf(GpSampler({1}).Suggest(sweep.View(), 3)).params);
}

TEST_CASE("The Gaussian process learns which branch of a conditional space is the better one",
          "[search][conditional]") {
  const auto loss = [](const Params& params) {
    const double rate = std::log10(NumberOf(params, "learning_rate") / 1e-3);
    const double own = params.contains("momentum") ? std::abs(NumberOf(params, "momentum") - 0.9) : 0.5;
    return 0.2 * rate * rate + own;
  };
  const Sweep sweep = RunSweep(GpSampler({3}), testing::ConditionalSpace(), 35, 3, loss);
  int with_momentum = 0;
  double best = INFINITY;
  for (const Trial& trial : sweep.trials) {
    if (trial.number >= 25) with_momentum += trial.params.contains("momentum") ? 1 : 0;
    best = std::min(best, trial.curve.back().value);
  }
  CHECK(with_momentum >= 8);
  CHECK(best < 0.03);
}

}  // namespace
}  // namespace lorasweep::search
