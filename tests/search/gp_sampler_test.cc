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
    gp.push_back(BestLoraLoss(GpSampler(seed), 30, seed, Loss));
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
  CHECK(SuggestionOf(GpSampler(1).Suggest(sweep.View(), 1)).reason == "Point 5 of a scrambled Sobol sequence.");
  sweep = Line(12);
  int random = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Suggestion suggestion = SuggestionOf(GpSampler(1).Suggest(sweep.View(), seed));
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
  Sweep sweep = Line(12);
  std::vector<double> asked;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const Suggestion suggestion = SuggestionOf(GpSampler(1).Suggest(sweep.View(), seed));
    asked.push_back(NumberOf(suggestion.params, "x"));
    sweep.Add(TrialState::kRunning, suggestion.params);
  }
  std::sort(asked.begin(), asked.end());
  for (std::size_t i = 1; i < asked.size(); ++i) CHECK(asked[i] - asked[i - 1] > 1e-5);
}

TEST_CASE("The Gaussian process keeps away from infeasible regions", "[search][gp]") {
  CHECK(testing::SuggestionsInFeasibleHalf(GpSampler(1), 20) >= 17);
}

TEST_CASE("A suggestion of the Gaussian process costs no more after thousands of trials", "[search][gp]") {
  auto seconds = [](int count) {
    Sweep sweep{LoraSpace(), {}};
    for (int i = 0; i < count; ++i) {
      const Params params = SuggestionOf(RandomSampler().Suggest(SweepView{sweep.space, {}}, TrialSeed(7, i))).params;
      sweep.Add(TrialState::kCompleted, params, {At(10, Loss(params))});
    }
    const std::clock_t start = std::clock();
    SuggestionOf(GpSampler(1).Suggest(sweep.View(), 2));
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  const double long_history = seconds(5000);
  const double short_history = seconds(600);
  INFO(short_history << " s at 600 trials, " << long_history << " s at 5000");
  CHECK(long_history < 5 * short_history + 0.1);
  CHECK(long_history < 3);
}

}  // namespace
}  // namespace lorasweep::search
