#include "search/warm_start_sampler.h"

#include <algorithm>
#include <cmath>

#include "search/algorithms.h"
#include "search/gp_history.h"
#include "search/random_sampler.h"
#include "search/tpe_history.h"
#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using testing::At;
using testing::LoraSpace;
using testing::NumberOf;
using testing::SuggestionOf;
using testing::Sweep;

double Loss(const Params& params) {
  const double rate = std::log10(NumberOf(params, "learning_rate") / 4e-4);
  const double rank = std::log2(NumberOf(params, "lora_rank") / 16);
  return rate * rate + 0.1 * rank * rank + 2 * NumberOf(params, "lora_dropout");
}

// Random points of an earlier sweep with this loss, by their places in it.
std::vector<KnownPoint> Known(int count) {
  const Sweep earlier = testing::RunSweep(RandomSampler(), LoraSpace(), count, 11, Loss);
  std::vector<Trial> trials = earlier.trials;
  std::sort(trials.begin(), trials.end(),
            [](const Trial& a, const Trial& b) { return a.curve.back().value < b.curve.back().value; });
  std::vector<KnownPoint> known;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    known.push_back({trials[i].params, static_cast<double>(i) / static_cast<double>(trials.size() - 1)});
  }
  return known;
}

std::unique_ptr<Sampler> Make(std::string_view method, std::int64_t trials = 30) {
  absl::StatusOr<std::unique_ptr<Sampler>> sampler =
      MakeSampler({.method = method, .seed = 1, .trials = trials, .lora_prior = true});
  REQUIRE(sampler.ok());
  return *std::move(sampler);
}

TEST_CASE("A warm start begins with the best known points, each once", "[search][warm_start]") {
  const std::vector<KnownPoint> known = Known(40);
  for (const std::string_view method : {"tpe", "gp", "auto"}) {
    INFO(method);
    const auto sampler = Make(method);
    Sweep sweep{LoraSpace(), {}};
    for (std::size_t i = 0; i < 3; ++i) {
      const Suggestion suggestion = SuggestionOf(
          sampler->Suggest({sweep.space, sweep.trials, known}, TrialSeed(1, static_cast<std::int64_t>(i))));
      CHECK(suggestion.params == known[i].params);
      CHECK(suggestion.reason.find("of an earlier sweep.") != std::string::npos);
      sweep.Add(TrialState::kRunning, suggestion.params);
    }
    // Then the model has its say, though the sweep has no results of its own.
    const Suggestion next = SuggestionOf(sampler->Suggest({sweep.space, sweep.trials, known}, TrialSeed(1, 3)));
    INFO(next.reason);
    CHECK(next.reason.find("of an earlier sweep.") == std::string::npos);
    CHECK(next.reason.find("Start ") == std::string::npos);
    CHECK(next.reason.find("Sobol") == std::string::npos);
  }
}

TEST_CASE("Known points that are not in the space are passed over", "[search][warm_start]") {
  std::vector<KnownPoint> known = Known(5);
  known[0].params["learning_rate"] = 1.0;
  known[1].params.erase("lora_rank");
  Sweep sweep{LoraSpace(), {}};
  CHECK(SuggestionOf(Make("tpe")->Suggest({sweep.space, sweep.trials, known}, 1)).params == known[2].params);
  CHECK(SuggestionOf(Make("tpe", 1)->Suggest({sweep.space, sweep.trials, {}}, 1)).reason.find("Drawn at random") == 0);
}

TEST_CASE("What is known weighs less the more a sweep has seen itself", "[search][warm_start]") {
  const std::vector<KnownPoint> known = Known(40);
  double before = 2;
  for (const int trials : {0, 10, 20}) {
    const Sweep sweep = testing::RunSweep(RandomSampler(), LoraSpace(), trials, 5, Loss);
    const TpeSpace space(sweep.space);
    const TpeHistory history = SplitTrials({sweep.space, sweep.trials, known}, space);
    CHECK(history.known == 40);
    CHECK(history.good_weights.front() == Approx(kKnownFade / (kKnownFade + trials)));
    CHECK(history.good_weights.front() < before);
    before = history.good_weights.front();
    CHECK(history.good.size() == 4 + static_cast<std::size_t>(trials) / 10);
  }
}

TEST_CASE("A warm start finds the optimum of a like sweep sooner", "[search][warm_start]") {
  const std::vector<KnownPoint> known = Known(40);
  for (const std::string_view method : {"tpe", "gp"}) {
    std::vector<double> cold;
    std::vector<double> warm;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      for (const bool with : {false, true}) {
        const auto sampler = MakeSampler({.method = method, .seed = seed, .trials = 8});
        Sweep sweep{LoraSpace(), {}};
        double best = INFINITY;
        for (std::int64_t i = 0; i < 8; ++i) {
          const SweepView view{sweep.space, sweep.trials, with ? std::span(known) : std::span<const KnownPoint>()};
          const Suggestion suggestion = SuggestionOf((*sampler)->Suggest(view, TrialSeed(seed, i)));
          best = std::min(best, Loss(suggestion.params));
          sweep.Add(TrialState::kCompleted, suggestion.params, {At(10, Loss(suggestion.params))});
        }
        (with ? warm : cold).push_back(best);
      }
    }
    std::sort(cold.begin(), cold.end());
    std::sort(warm.begin(), warm.end());
    INFO(method << ": median " << cold[2] << " cold, " << warm[2] << " warm");
    CHECK(warm[2] < cold[2]);
  }
}

}  // namespace
}  // namespace lorasweep::search
