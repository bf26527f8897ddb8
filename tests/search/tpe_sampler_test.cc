#include "search/tpe_sampler.h"

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

TEST_CASE("TPE finds the optimum clearly better than random search", "[search][tpe]") {
  double tpe = 0;
  double random = 0;
  int wins = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const double a = BestLoraLoss(TpeSampler(), 50, seed);
    const double b = BestLoraLoss(RandomSampler(), 50, seed);
    tpe += a / 20;
    random += b / 20;
    wins += a < b ? 1 : 0;
  }
  INFO("mean best loss: TPE " << tpe << ", random " << random << ", wins " << wins);
  CHECK(tpe < 0.5 * random);
  CHECK(wins >= 15);
}

TEST_CASE("TPE starts at random and says so", "[search][tpe]") {
  Sweep sweep = RunSweep(RandomSampler(), LoraSpace(), 9, 1, LoraLoss);
  CHECK(SuggestionOf(TpeSampler().Suggest(sweep.View(), 1)).reason ==
        "Drawn at random: TPE needs 10 finished trials, there are 9.");
  sweep.Add(TrialState::kRunning, sweep.trials[0].params);
  CHECK(SuggestionOf(TpeSampler().Suggest(sweep.View(), 1)).reason.find("there are 9") != std::string::npos);
  sweep.Add(TrialState::kPruned, sweep.trials[1].params, {At(5, 3.0)});
  const std::string reason = SuggestionOf(TpeSampler().Suggest(sweep.View(), 1)).reason;
  INFO(reason);
  CHECK(reason.find("Best of 24 candidates") == 0);
  CHECK(reason.find("between the 1 best trials and the other 10, 1 of them unfinished") != std::string::npos);
}

TEST_CASE("Workers that ask at once are sent to different places", "[search][tpe]") {
  Sweep sweep = RunSweep(RandomSampler(), MakeSpace({{"x", FloatDomain{0, 1, false, 0}}}), 20, 1,
                         [](const Params& params) { return std::abs(NumberOf(params, "x") - 0.3); });
  // Without the running trials g(x) would be low at the last proposal, and it would look as good again.
  const Suggestion first = SuggestionOf(TpeSampler().Suggest(sweep.View(), 1));
  const double before = (*ScoreCandidates(sweep.View(), std::vector<Params>{first.params}))[0].LogRatio();
  for (int i = 0; i < 4; ++i) sweep.Add(TrialState::kRunning, first.params);
  const double after = (*ScoreCandidates(sweep.View(), std::vector<Params>{first.params}))[0].LogRatio();
  CHECK(after < before - 0.3);
}

TEST_CASE("TPE keeps away from infeasible regions", "[search][tpe]") {
  CHECK(testing::SuggestionsInFeasibleHalf(TpeSampler(), 50) >= 45);
}

TEST_CASE("The next best candidate is taken where the best was tried already", "[search][tpe]") {
  Sweep sweep{MakeSpace({{"a", IntDomain{0, 30, false, 1}}}), {}};
  for (std::int64_t i = 0; i < 31; ++i) {
    if (i % 10 != 5) sweep.Add(TrialState::kCompleted, {{"a", i}}, {At(10, std::abs(static_cast<double>(i) - 14))});
  }
  bool next_best = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Suggestion suggestion = SuggestionOf(TpeSampler().Suggest(sweep.View(), seed));
    CHECK(std::get<std::int64_t>(suggestion.params.at("a")) % 10 == 5);
    next_best = next_best || suggestion.reason.find("the better ones were tried already") != std::string::npos;
  }
  CHECK(next_best);
}

TEST_CASE("Where all candidates were tried TPE draws an unused point and says so", "[search][tpe]") {
  Sweep sweep{MakeSpace({{"a", IntDomain{0, 5000, false, 1}}}), {}};
  // The good trials are in one corner, and the only unused point in the other.
  for (std::int64_t i = 0; i < 5000; ++i)
    sweep.Add(TrialState::kCompleted, {{"a", i}}, {At(10, static_cast<double>(i))});
  const Suggestion suggestion = SuggestionOf(TpeSampler().Suggest(sweep.View(), 3));
  CHECK(suggestion.params.at("a") == Value(std::int64_t{5000}));
  CHECK(suggestion.reason == "Drawn at random: all 24 candidates of TPE were tried already.");
}

TEST_CASE("Candidates outside the space are an error", "[search][tpe]") {
  const Sweep sweep{LoraSpace(), {}};
  const std::vector<Params> candidates = {{{"learning_rate", 1.0}}};
  CHECK(ScoreCandidates(sweep.View(), candidates).status().code() == absl::StatusCode::kInvalidArgument);
}

// Processor time, the shortest of five, so that a busy machine matters little.
double SecondsASuggestion(const Sweep& sweep) {
  double shortest = INFINITY;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const std::clock_t start = std::clock();
    SuggestionOf(TpeSampler().Suggest(sweep.View(), seed));
    shortest = std::min(shortest, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return shortest;
}

TEST_CASE("The cost of a suggestion grows no faster than the history", "[search][tpe]") {
  auto history = [](int count) {
    Sweep sweep{LoraSpace(), {}};
    for (int i = 0; i < count; ++i) {
      const Params params = SuggestionOf(RandomSampler().Suggest(SweepView{sweep.space, {}}, TrialSeed(7, i))).params;
      sweep.Add(TrialState::kCompleted, params, {At(10, LoraLoss(params))});
    }
    return sweep;
  };
  const double small = SecondsASuggestion(history(1000));
  const double large = SecondsASuggestion(history(10000));
  INFO(small << " s at 1000 trials, " << large << " s at 10000");
  CHECK(large < 50 * small);  // a quadratic cost would be 100 times
  CHECK(large < 1);
}

}  // namespace
}  // namespace lorasweep::search
