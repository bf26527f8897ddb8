#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "search/algorithms.h"
#include "search/asha_pruner.h"
#include "search/rng.h"
#include "search/simulation.h"
#include "tests/search/pruner_suite.h"

namespace lorasweep::search {
namespace {

using Action = Verdict::Action;
using testing::At;
using testing::Sweep;

std::unique_ptr<Pruner> Make(PrunerOptions options) {
  if (options.rung_sequences.empty()) options.rung_sequences = {80, 240};
  options.full_sequences = 720;
  absl::StatusOr<std::unique_ptr<Pruner>> pruner = MakePruner(options);
  INFO(pruner.status());
  REQUIRE(pruner.ok());
  return *std::move(pruner);
}

// Curves in which trial i ends i-th best and is so from the start, evaluated at 10, 30 and 90 steps.
std::vector<Trial> Recorded(int count) {
  std::vector<Trial> trials;
  for (int i = 0; i < count; ++i) {
    const double level = 1 + 0.1 * i;
    trials.push_back({i,
                      TrialState::kCompleted,
                      {{"x", static_cast<std::int64_t>(i)}},
                      {At(0, 5), At(10, level + 1), At(30, level + 0.5), At(90, level)}});
  }
  return trials;
}

std::vector<std::size_t> Shuffled(std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(seed);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[rng.Below(i)]);
  return order;
}

TEST_CASE("Promoting halving pauses trials and lets them go on when results make them the best",
          "[search][asha][promote]") {
  const auto pruner = Make({.type = "asha", .promote = true});
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {At(0, 5), At(10, 2)});
  const Verdict alone = pruner->Judge(sweep.View(), sweep.trials[0]);
  CHECK(alone.action == Action::kPause);
  CHECK(alone.reason == "place 1 of 1 at 80 sequences, none goes on yet");
  sweep.trials[0].state = TrialState::kPaused;
  for (const double value : {3.0, 2.5}) {
    sweep.AddCurve(TrialState::kRunning, {At(0, 5), At(10, value)});
    CHECK(pruner->Judge(sweep.View(), sweep.trials.back()).action == Action::kPause);
    sweep.trials.back().state = TrialState::kPaused;
  }
  // Three are seen: the best of them goes on, whoever is asked about.
  CHECK(pruner->Judge(sweep.View(), sweep.trials[0]).action == Action::kContinue);
  CHECK(pruner->Judge(sweep.View(), sweep.trials[1]).action == Action::kPause);
  // The stopping form stops the second at once.
  CHECK(Make({.type = "asha"})->Judge(sweep.View(), sweep.trials[2]).action == Action::kStop);
}

TEST_CASE("When nothing else is left the best of those that came farthest goes on to the end",
          "[search][asha][promote]") {
  const auto pruner = Make({.type = "asha", .promote = true});
  Sweep sweep;
  sweep.AddCurve(TrialState::kPaused, {At(0, 5), At(10, 2)});
  sweep.AddCurve(TrialState::kPaused, {At(0, 5), At(10, 3)});
  SweepView view = sweep.View();
  CHECK(pruner->Judge(view, sweep.trials[0]).action == Action::kPause);
  view.all_proposed = true;
  CHECK(pruner->Judge(view, sweep.trials[0]).action == Action::kContinue);
  CHECK(pruner->Judge(view, sweep.trials[1]).action == Action::kPause);
  sweep.trials[0].state = TrialState::kRunning;
  sweep.trials[0].curve.push_back(At(30, 1.5));
  CHECK(pruner->Judge(view, sweep.trials[0]).action == Action::kContinue);
  sweep.trials[0].state = TrialState::kCompleted;
  CHECK(pruner->Judge(view, sweep.trials[1]).action == Action::kPause);
}

TEST_CASE("Promotion finds the best at a fraction of the cost, with as many workers as there are",
          "[search][asha][promote]") {
  const std::vector<Trial> recorded = Recorded(27);
  for (const std::string_view type : {"asha", "pasha", "paired"}) {
    for (const std::int64_t workers : {1, 4, 30}) {
      for (std::uint64_t seed = 0; seed < 5; ++seed) {
        const auto pruner = Make({.type = type, .promote = true});
        const SimulationResult result = Simulate(recorded, Shuffled(27, seed), *pruner, {workers});
        INFO(type << ", " << workers << " workers, seed " << seed);
        CHECK(result.best == 0);
        CHECK(result.full == 27 * 720);
        // paired goes on with what is worse by chance too.
        CHECK(result.sequences < result.full * (type == "paired" ? 6 : 5) / 10);
        CHECK(result.makespan <= result.sequences);
        CHECK(std::any_of(result.trials.begin(), result.trials.end(),
                          [](const Trial& t) { return t.state == TrialState::kCompleted; }));
        for (const Trial& trial : result.trials) CHECK(IsFinal(trial.state));
      }
    }
  }
}

TEST_CASE("A good trial that came among better ones is only lost by stopping", "[search][asha][promote]") {
  const std::vector<Trial> recorded = Recorded(27);
  std::vector<std::size_t> best_first(27);
  std::iota(best_first.begin(), best_first.end(), std::size_t{0});
  const auto stopped = Simulate(recorded, best_first, *Make({.type = "asha"}), {1});
  const auto promoted = Simulate(recorded, best_first, *Make({.type = "asha", .promote = true}), {1});
  CHECK(stopped.trials[1].curve.back().step == 10);
  // Nine of 27 pass the first rung, three of these the second.
  for (std::size_t i = 0; i < 27; ++i) {
    CHECK(promoted.trials[i].curve.back().step == (i < 3 ? 90 : i < 9 ? 30 : 10));
  }
  CHECK(promoted.best == 0);
}

TEST_CASE("A simulation without pruning trains everything, and workers share the time", "[search][simulation]") {
  const std::vector<Trial> recorded = Recorded(8);
  const auto none = Make({.type = "none"});
  const SimulationResult one = Simulate(recorded, Shuffled(8, 1), *none, {1});
  CHECK(one.sequences == 8 * 720);
  CHECK(one.makespan == 8 * 720);
  const SimulationResult four = Simulate(recorded, Shuffled(8, 1), *none, {4});
  CHECK(four.sequences == 8 * 720);
  CHECK(four.makespan == 2 * 720);
  CHECK(four.best == 0);
  CHECK(Simulate(recorded, {}, *none, {1}).best == -1);
}

TEST_CASE("Pasha trains no longer than it takes to tell the best apart", "[search][asha][pasha]") {
  const std::vector<std::int64_t> rungs = {40, 80, 160, 320};
  const auto pruner = Make({.type = "pasha", .rung_sequences = rungs, .eta = 2});
  Sweep sweep;
  const auto add = [&](double first, double second) {
    sweep.AddCurve(TrialState::kPaused, {At(0, 5), At(5, first), At(10, second)});
  };
  add(1.0, 0.9);
  add(1.1, 1.0);
  add(1.2, 1.15);
  // The best two have kept their order from 40 to 80 sequences, so that nobody goes beyond.
  const Verdict held = pruner->Judge(sweep.View(), sweep.trials[0]);
  CHECK(held.action == Action::kPause);
  CHECK(held.reason.find("the order of the best has not changed since the rung before") == 0);
  add(1.3, 0.8);  // overtakes all
  CHECK(pruner->Judge(sweep.View(), sweep.trials[3]).action == Action::kContinue);
  CHECK(pruner->Judge(sweep.View(), sweep.trials[0]).action == Action::kContinue);
  CHECK(pruner->Judge(sweep.View(), sweep.trials[2]).action == Action::kPause);
}

TEST_CASE("Brackets cost about as much each, and compete within themselves", "[search][asha][hyperband]") {
  const AshaPruner pruner({.rungs = {10, 30, 90}, .eta = 3, .brackets = 3});
  std::map<std::size_t, int> counts;
  for (std::int64_t number = 0; number < 1000; ++number) ++counts[pruner.BracketOf(number)];
  CHECK(counts.size() == 3);
  // n, n/3 and n/9 trials, times the 4, 3 and 2 stages that they pass.
  CHECK(counts[0] == Approx(1000 * (1 / 4.) / (1 / 4. + 1 / 9. + 1 / 18.)).margin(10));
  CHECK(counts[1] == Approx(1000 * (1 / 9.) / (1 / 4. + 1 / 9. + 1 / 18.)).margin(10));

  Sweep sweep;
  std::map<std::size_t, std::int64_t> last;
  for (std::int64_t number = 0; number < 20; ++number) {
    sweep.AddCurve(TrialState::kRunning, {{10, 10, 1.0 + 0.01 * static_cast<double>(number), {}, {}}});
    last[pruner.BracketOf(number)] = number;
  }
  // The first bracket judges at the first rung, the others do not.
  CHECK(pruner.Judge(sweep.View(), sweep.trials[static_cast<std::size_t>(last[0])]).action == Action::kStop);
  CHECK(pruner.Judge(sweep.View(), sweep.trials[static_cast<std::size_t>(last[1])]).action == Action::kContinue);
  for (Trial& trial : sweep.trials) trial.curve.push_back({30, 30, trial.curve[0].value, {}, {}});
  CHECK(pruner.Judge(sweep.View(), sweep.trials[static_cast<std::size_t>(last[1])]).action == Action::kStop);
  CHECK(pruner.Judge(sweep.View(), sweep.trials[static_cast<std::size_t>(last[2])]).action == Action::kContinue);
}

TEST_CASE("A trial is not behind one that is worse in another objective", "[search][asha]") {
  for (const std::string_view type : {"asha", "percentile"}) {
    const auto pruner = Make({.type = type, .min_trials = 1, .keep = 0});
    Sweep sweep;
    for (int i = 0; i < 6; ++i) sweep.AddCurve(TrialState::kRunning, {At(10, 1)}).others = {5};
    sweep.AddCurve(TrialState::kRunning, {At(10, 2)}).others = {4};
    INFO(type);
    CHECK(pruner->Judge(sweep.View(), sweep.trials.back()).action == Action::kContinue);
    sweep.trials.back().others = {5};
    CHECK(pruner->Judge(sweep.View(), sweep.trials.back()).action == Action::kStop);
    sweep.trials.back().others = {NAN};
    CHECK(pruner->Judge(sweep.View(), sweep.trials.back()).action == Action::kContinue);
  }
}

}  // namespace
}  // namespace lorasweep::search
