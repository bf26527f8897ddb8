#include "search/pareto.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "search/leaderboard.h"
#include "search/rng.h"
#include "search/tpe_history.h"
#include "tests/search/reference.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using nlohmann::json;
using testing::At;
using testing::MakeSpace;
using testing::Reference;
using testing::Sweep;

std::vector<Losses> RandomPoints(std::size_t count, std::size_t objectives, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Losses> points(count, Losses(objectives));
  // Few values, so that equal points and equal coordinates occur.
  for (Losses& point : points) {
    for (double& value : point) value = static_cast<double>(rng.Below(12));
  }
  return points;
}

TEST_CASE("A point dominates another when it is no worse anywhere and better somewhere", "[search][pareto]") {
  CHECK(Dominates({1, 2}, {1, 3}));
  CHECK_FALSE(Dominates({1, 2}, {1, 2}));
  CHECK_FALSE(Dominates({1, 2}, {0, 3}));
  CHECK(Dominates({1}, {2}));
}

TEST_CASE("Fronts are peeled off one by one", "[search][pareto]") {
  for (const std::size_t objectives : {1u, 2u, 3u, 4u}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const std::vector<Losses> points = RandomPoints(40, objectives, seed);
      const std::vector<int> fronts = Fronts(points, points.size());
      for (std::size_t i = 0; i < points.size(); ++i) {
        // One front behind the last of those that dominate it.
        int expected = 0;
        for (std::size_t j = 0; j < points.size(); ++j) {
          if (Dominates(points[j], points[i])) expected = std::max(expected, fronts[j] + 1);
        }
        CHECK(fronts[i] == expected);
      }
    }
  }
}

TEST_CASE("Once enough points are on fronts the others share the next", "[search][pareto]") {
  for (const std::size_t objectives : {2u, 3u}) {
    const std::vector<Losses> points = RandomPoints(60, objectives, 7);
    const std::vector<int> all = Fronts(points, points.size());
    const std::vector<int> some = Fronts(points, 10);
    int last = 0;
    std::ptrdiff_t sum = 0;
    for (; sum < 10; ++last) sum += std::count(all.begin(), all.end(), last);
    for (std::size_t i = 0; i < points.size(); ++i) CHECK(some[i] == std::min(all[i], last));
  }
  CHECK(Fronts({}, 5).empty());
}

TEST_CASE("Hypervolumes and the subsets of greatest volume are Optuna's", "[search][pareto]") {
  for (const json& test : Reference("pareto.json", "volumes")) {
    const auto points = test["points"].get<std::vector<Losses>>();
    const auto reference = test["reference"].get<Losses>();
    INFO(points.size() << " points, " << reference.size() << " objectives");
    const Losses own = ReferencePoint(points);
    for (std::size_t i = 0; i < own.size(); ++i) CHECK(own[i] == Approx(reference[i]).epsilon(1e-12));
    CHECK(Hypervolume(points, reference) == Approx(test["volume"].get<double>()).epsilon(1e-9));
    const auto front = test["front"].get<std::vector<Losses>>();
    std::vector<std::size_t> subset = HypervolumeSubset(front, (front.size() + 1) / 2, reference);
    std::sort(subset.begin(), subset.end());
    CHECK(subset == test["subset"].get<std::vector<std::size_t>>());
  }
  CHECK(Hypervolume({}, {1, 1}) == 0);
}

TEST_CASE("With several objectives and constraints TPE takes the same trials for good as Optuna", "[search][tpe]") {
  const Space space = MakeSpace({{"x", FloatDomain{0, 1000, false, 0}}});
  for (const json& test : Reference("pareto.json", "splits")) {
    Sweep sweep{space, {}};
    for (const json& row : test["trials"]) {
      Trial& trial = sweep.Add(TrialState::kCompleted, {{"x", static_cast<double>(sweep.trials.size())}},
                               {At(10, row[0].get<double>())});
      for (std::size_t i = 1; i + 1 < row.size(); ++i) trial.others.push_back(row[i].get<double>());
      trial.violations = {row.back().get<double>()};
    }
    const TpeHistory history = SplitTrials(sweep.View(), TpeSpace(space));
    std::vector<std::size_t> good;
    for (const std::vector<double>& point : history.good) good.push_back(static_cast<std::size_t>(point[0]));
    INFO(test["objectives"] << " objectives, " << sweep.trials.size() << " trials");
    CHECK(good == test["good"].get<std::vector<std::size_t>>());
    CHECK(history.good_weights == std::vector<double>(good.size(), 1.0));
  }
}

TEST_CASE("The leaderboard ranks by fronts, and trials that break a constraint last", "[search][leaderboard]") {
  Sweep sweep;
  const auto add = [&](double loss, double size, double broken) {
    Trial& trial = sweep.AddCurve(TrialState::kCompleted, {At(10, loss)});
    trial.others = {size};
    trial.violations = {broken};
  };
  add(1.0, 9, 0);    // front 1
  add(0.5, 1, 3);    // best of all, but too large
  add(2.0, 2, -1);   // front 1
  add(2.5, 3, 0);    // front 2
  add(0.7, NAN, 0);  // lacks an objective
  add(0.6, 1, 0.5);
  sweep.AddCurve(TrialState::kPruned, {At(5, 0.1)});
  std::vector<std::int64_t> order;
  std::vector<int> fronts;
  for (const LeaderboardRow& row : Rank(sweep.View())) {
    order.push_back(row.trial);
    fronts.push_back(row.front);
  }
  CHECK(order == std::vector<std::int64_t>{0, 2, 3, 4, 6, 5, 1});
  CHECK(fronts == std::vector<int>{1, 1, 2, 0, 0, 0, 0});
  CHECK(Rank(sweep.View()).back().violation == 3);
}

TEST_CASE("TPE splits ten thousand trials with two objectives in a moment", "[search][tpe]") {
  const Space space = MakeSpace({{"x", FloatDomain{0, 1, false, 0}}});
  Sweep sweep{space, {}};
  Rng rng(3);
  for (int i = 0; i < 10000; ++i) {
    const double x = rng.Uniform();
    sweep.Add(TrialState::kCompleted, {{"x", x}}, {At(10, x)}).others = {1 - x};  // all on one front
  }
  const auto start = std::chrono::steady_clock::now();
  CHECK(SplitTrials(sweep.View(), TpeSpace(space)).good.size() == kMostGoodOfMany);
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 2);
}

}  // namespace
}  // namespace lorasweep::search
