#include "search/settled_sampler.h"

#include <cmath>

#include "search/algorithms.h"
#include "search/leaderboard.h"
#include "search/rng.h"
#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using testing::IsExhausted;
using testing::NumberOf;
using testing::SuggestionOf;
using testing::Sweep;

Space Line() {
  return testing::MakeSpace({{"x", FloatDomain{0, 1, false, 0}}});
}

// A valley with its bottom at 0.3, over 40 validation sequences whose losses differ from each other, and by `noise`
// from trial to trial.
Evaluation Valley(double x, double noise, std::int64_t trial) {
  Evaluation evaluation{10, 80, 0, {}, {}};
  const double loss = 2 + std::pow(x - 0.3, 2);
  Rng rng(TrialSeed(7, trial));
  for (int i = 0; i < 40; ++i) {
    evaluation.sequence_tokens.push_back(10);
    evaluation.sequence_losses.push_back(static_cast<float>(10 * (loss + 0.1 * i + noise * (rng.Uniform() - 0.5))));
  }
  evaluation.value = MeanLoss(evaluation).value;
  return evaluation;
}

std::unique_ptr<Sampler> Make() {
  absl::StatusOr<std::unique_ptr<Sampler>> sampler =
      MakeSampler({.method = "gp", .seed = 3, .stop_when_settled = true});
  REQUIRE(sampler.ok());
  return *std::move(sampler);
}

// Trials until the sampler has nothing more to propose, at most `most`; why it stopped, "" when it did not.
std::string RunToEnd(double noise, int most, Sweep* sweep) {
  const auto sampler = Make();
  for (int i = 0; i < most; ++i) {
    const absl::StatusOr<Proposal> proposal = sampler->Suggest(sweep->View(), TrialSeed(3, i));
    if (IsExhausted(proposal)) return std::get<SpaceExhausted>(*proposal).reason;
    const Params params = SuggestionOf(proposal).params;
    sweep->Add(TrialState::kCompleted, params, {Valley(NumberOf(params, "x"), noise, i)});
  }
  return "";
}

TEST_CASE("A sweep has settled once the best that a trial may gain is less than the error of comparing", "[search]") {
  Sweep sweep{Line(), {}};
  const std::string reason = RunToEnd(0.05, 60, &sweep);
  INFO(reason);
  CHECK(reason.find("settled after " + std::to_string(sweep.trials.size()) + " completed trials") == 0);
  CHECK(sweep.trials.size() >= SettledSampler::kLeastTrials);
  CHECK(sweep.trials.size() < 30);
  double best = INFINITY;
  for (const Trial& trial : sweep.trials) best = std::min(best, std::abs(NumberOf(trial.params, "x") - 0.3));
  CHECK(best < 0.1);
}

TEST_CASE("A sweep whose trials can be told apart exactly goes on longer", "[search]") {
  Sweep noisy{Line(), {}};
  Sweep exact{Line(), {}};
  RunToEnd(0.2, 40, &noisy);
  RunToEnd(1e-5, 40, &exact);
  CHECK(noisy.trials.size() < exact.trials.size());
}

TEST_CASE("Whether a sweep has settled follows from its view alone", "[search]") {
  Sweep sweep{Line(), {}};
  const std::string reason = RunToEnd(0.05, 60, &sweep);
  const auto again = Make()->Suggest(sweep.View(), TrialSeed(3, static_cast<std::int64_t>(sweep.trials.size())));
  REQUIRE(IsExhausted(again));
  CHECK(std::get<SpaceExhausted>(*again).reason == reason);
}

}  // namespace
}  // namespace lorasweep::search
