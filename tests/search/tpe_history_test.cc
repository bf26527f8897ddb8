#include "search/tpe_history.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::At;
using testing::MakeSpace;
using testing::Sweep;

Sweep OneParameter() {
  return {MakeSpace({{"x", FloatDomain{0, 100, false, 0}}}), {}};
}

// x is the trial's number, so that coordinates name trials.
Trial& Add(Sweep* sweep, TrialState state, std::vector<Evaluation> curve) {
  return sweep->Add(state, {{"x", static_cast<double>(sweep->trials.size())}}, std::move(curve));
}

std::vector<int> Numbers(const std::vector<std::vector<double>>& points) {
  std::vector<int> numbers;
  for (const auto& point : points) numbers.push_back(static_cast<int>(point[0]));
  return numbers;
}

TpeHistory Split(const Sweep& sweep) {
  return SplitTrials(sweep.View(), TpeSpace(sweep.space));
}

TEST_CASE("A tenth of the finished trials is good, completed ones before pruned ones", "[search][tpe]") {
  Sweep sweep = OneParameter();
  for (int i = 0; i < 20; ++i) Add(&sweep, TrialState::kPruned, {At(10, 0.1)});
  Add(&sweep, TrialState::kCompleted, {At(10, 0.2), At(100, 9.0)});
  const TpeHistory history = Split(sweep);
  CHECK(history.finished == 21);
  CHECK(Numbers(history.good) == std::vector<int>{0, 1, 20});
  CHECK(history.rest.size() == 18);
}

TEST_CASE("At most 25 trials are good", "[search][tpe]") {
  Sweep sweep = OneParameter();
  for (int i = 0; i < 100; ++i) Add(&sweep, TrialState::kCompleted, {At(10, i)});
  CHECK(Split(sweep).good.size() == 10);
  for (int i = 100; i < 400; ++i) {
    sweep.Add(TrialState::kCompleted, {{"x", 50.0}}, {At(10, i)});
  }
  CHECK(Split(sweep).good.size() == 25);
}

TEST_CASE("Pruned trials rank by how far they came, then by value", "[search][tpe]") {
  Sweep sweep = OneParameter();
  Add(&sweep, TrialState::kPruned, {At(20, 1.0)});
  Add(&sweep, TrialState::kPruned, {At(40, 3.0)});
  Add(&sweep, TrialState::kPruned, {At(40, 2.0)});
  for (int i = 3; i < 12; ++i) Add(&sweep, TrialState::kPruned, {At(10, 0.5)});
  CHECK(Numbers(Split(sweep).good) == std::vector<int>{1, 2});
}

TEST_CASE("Unfinished trials count as bad and infeasible or diverged ones are never good", "[search][tpe]") {
  Sweep sweep = OneParameter();
  Add(&sweep, TrialState::kRunning, {At(10, -5)});
  Add(&sweep, TrialState::kQueued, {});
  Add(&sweep, TrialState::kPaused, {At(10, -5)});
  Add(&sweep, TrialState::kInfeasible, {At(10, -5)});
  Add(&sweep, TrialState::kCompleted, {At(10, std::nan(""))});
  Add(&sweep, TrialState::kCompleted, {At(10, -INFINITY)});
  Add(&sweep, TrialState::kPruned, {At(10, INFINITY)});
  Add(&sweep, TrialState::kCompleted, {});
  const TpeHistory history = Split(sweep);
  CHECK(history.good.empty());
  CHECK(history.rest.size() == 8);
  CHECK(history.pending == 3);
  CHECK(history.finished == 5);
}

TEST_CASE("Failed and cancelled trials and foreign points say nothing", "[search][tpe]") {
  Sweep sweep = OneParameter();
  Add(&sweep, TrialState::kFailed, {At(10, 1)});
  Add(&sweep, TrialState::kCancelled, {At(10, 1)});
  sweep.Add(TrialState::kCompleted, {{"x", 1000.0}}, {At(10, 1)});
  sweep.Add(TrialState::kCompleted, {{"y", 1.0}}, {At(10, 1)});
  const TpeHistory history = Split(sweep);
  CHECK(history.finished == 0);
  CHECK(history.good.empty());
  CHECK(history.rest.empty());
}

TEST_CASE("Of a long history some stand for their neighbours, with their weight", "[search][tpe]") {
  Sweep sweep{MakeSpace({{"x", FloatDomain{0, 10000, false, 0}}}), {}};
  for (int i = 0; i < 5025; ++i) Add(&sweep, TrialState::kCompleted, {At(10, i)});
  const TpeHistory history = Split(sweep);
  CHECK(history.finished == 5025);
  CHECK(history.good.size() == 25);
  CHECK(history.rest.size() == kRestKept);
  const std::vector<double> all = KernelWeights(5000);
  CHECK(std::accumulate(history.rest_weights.begin(), history.rest_weights.end(), 0.0) ==
        Approx(std::accumulate(all.begin(), all.end(), 0.0)));
  // The newest stand for themselves.
  for (std::size_t i = 1; i <= 25; ++i) {
    CHECK(history.rest[kRestKept - i][0] == 5025 - static_cast<double>(i));
    CHECK(history.rest_weights[kRestKept - i] == 1);
  }
  const std::vector<int> numbers = Numbers(history.rest);
  CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  CHECK(std::set<int>(numbers.begin(), numbers.end()).size() == kRestKept);
}

TEST_CASE("Coordinates lead back to the same point", "[search][tpe]") {
  const Space space = MakeSpace({{"a", OrderedDomain{{std::int64_t{4}, std::int64_t{8}, std::int64_t{64}}}},
                                 {"b", QuantileDomain{QuantileDomain::Kind::kLogNormal, -7, 1, 0}},
                                 {"c", CategoricalDomain{{std::string("x"), true}, {}}},
                                 {"d", IntDomain{1, 64, true, 1}},
                                 {"e", FloatDomain{0, 0.3, false, 0.1}},
                                 {"f", IntDomain{7, 7, false, 1}}});
  const TpeSpace tpe(space);
  CHECK(tpe.axes().size() == 5);
  const Params point = {{"a", std::int64_t{64}}, {"b", 0.001}, {"c", true},
                        {"d", std::int64_t{17}}, {"e", 0.3},   {"f", std::int64_t{7}}};
  const std::optional<std::vector<double>> coordinates = tpe.CoordinatesOf(point);
  REQUIRE(coordinates);
  CHECK((*coordinates)[0] == 2);
  CHECK((*coordinates)[1] == Approx(0.537).margin(0.001));
  Params back = tpe.ParamsAt(*coordinates);
  CHECK(std::get<double>(back["b"]) == Approx(0.001));
  back["b"] = 0.001;
  CHECK(back == point);
}

}  // namespace
}  // namespace lorasweep::search
