#include "search/leaderboard.h"

#include <chrono>
#include <cmath>

#include "search/normal.h"
#include "search/rng.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::At;
using testing::Sweep;

Evaluation Sequences(std::vector<float> losses, std::vector<std::int32_t> tokens, std::int64_t step = 10) {
  Evaluation evaluation{step, 8 * step, 0, std::move(losses), std::move(tokens)};
  evaluation.value = MeanLoss(evaluation).value;
  return evaluation;
}

TEST_CASE("The mean loss weights sequences by their tokens", "[search][leaderboard]") {
  const Estimate mean = MeanLoss(Sequences({10, 60, 5}, {5, 20, 5}));
  CHECK(mean.value == Approx(75.0 / 30));
  // Residuals -2.5, 10, -7.5: sqrt(3/2 * (6.25 + 100 + 56.25)) / 30.
  CHECK(mean.stderr_ == Approx(std::sqrt(1.5 * 162.5) / 30));
}

TEST_CASE("With equal lengths the error is that of a plain mean", "[search][leaderboard]") {
  const Estimate mean = MeanLoss(Sequences({1, 2, 3, 4}, {1, 1, 1, 1}));
  CHECK(mean.value == Approx(2.5));
  CHECK(mean.stderr_ == Approx(std::sqrt((2.25 + 0.25 + 0.25 + 2.25) / 3 / 4)));
}

TEST_CASE("Without losses per sequence the value stands without an error", "[search][leaderboard]") {
  CHECK(MeanLoss(At(10, 2.5)).value == 2.5);
  CHECK(MeanLoss(At(10, 2.5)).stderr_ == 0);
  CHECK(MeanLoss(Sequences({3}, {2})).stderr_ == 0);
  Evaluation no_tokens = At(10, 2.5);
  no_tokens.sequence_losses = {0, 0};
  no_tokens.sequence_tokens = {0, 0};
  CHECK(MeanLoss(no_tokens).value == 2.5);
  Evaluation mismatched = At(10, 2.5);
  mismatched.sequence_losses = {1, 2};
  mismatched.sequence_tokens = {1};
  CHECK(MeanLoss(mismatched).value == 2.5);
}

// Two runs whose losses vary a lot between sequences and little from each other.
std::pair<Evaluation, Evaluation> Pair(std::uint64_t seed, double shift, int count) {
  Rng rng(seed);
  std::vector<float> a, b;
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < count; ++i) {
    tokens.push_back(static_cast<std::int32_t>(20 + rng.Below(200)));
    const double per_token = 2 + 0.7 * NormalQuantile(rng.Uniform());
    a.push_back(static_cast<float>(tokens.back() * (per_token + shift + 0.03 * NormalQuantile(rng.Uniform()))));
    b.push_back(static_cast<float>(tokens.back() * per_token));
  }
  return {Sequences(a, tokens), Sequences(b, tokens)};
}

TEST_CASE("A paired difference is far sharper than either mean", "[search][leaderboard]") {
  const auto [a, b] = Pair(1, 0.02, 200);
  const Estimate difference = PairedDifference(a, b);
  CHECK(difference.value == Approx(a.value - b.value).epsilon(1e-9));
  CHECK(difference.stderr_ > 0);
  CHECK(difference.stderr_ < MeanLoss(a).stderr_ / 10);
  CHECK(PairedDifference(b, a).value == Approx(-difference.value));
}

TEST_CASE("Two standard errors cover the truth about nineteen times in twenty", "[search][leaderboard]") {
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const auto [a, b] = Pair(seed, 0.01, 100);
    const Estimate difference = PairedDifference(a, b);
    covered += std::abs(difference.value - 0.01) <= 2 * difference.stderr_ ? 1 : 0;
  }
  CHECK(covered > 920);
  CHECK(covered < 980);
}

TEST_CASE("Evaluations over different sequences give a plain difference", "[search][leaderboard]") {
  const Estimate difference = PairedDifference(Sequences({1, 2}, {1, 1}), Sequences({1, 4}, {1, 2}));
  CHECK(difference.value == Approx(1.5 - 5.0 / 3));
  CHECK(difference.stderr_ == 0);
}

TEST_CASE("Completed trials come first by value, then the others by how far they got", "[search][leaderboard]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kCompleted, {At(0, 3), At(10, 2.0), At(40, 1.5)});
  sweep.AddCurve(TrialState::kPruned, {At(0, 3), At(10, 1.0)});
  sweep.AddCurve(TrialState::kCompleted, {At(0, 3), At(10, 2.5), At(40, 1.2)});
  sweep.AddCurve(TrialState::kRunning, {At(0, 3), At(10, 0.9), At(20, 1.9)});
  sweep.AddCurve(TrialState::kPruned, {At(0, 3), At(10, 0.8)});
  sweep.AddCurve(TrialState::kRunning, {At(0, 0.1)});
  sweep.AddCurve(TrialState::kInfeasible, {At(10, 0.1)});
  sweep.AddCurve(TrialState::kFailed, {At(10, 0.1)});
  sweep.AddCurve(TrialState::kCancelled, {At(10, 0.1)});
  sweep.AddCurve(TrialState::kCompleted, {At(10, 1.0), At(40, std::nan(""))});
  sweep.AddCurve(TrialState::kQueued, {});
  const std::vector<LeaderboardRow> rows = Rank(sweep.View());
  std::vector<std::int64_t> trials;
  for (const LeaderboardRow& row : rows) {
    trials.push_back(row.trial);
    CHECK(row.rank == static_cast<int>(trials.size()));
  }
  CHECK(trials == std::vector<std::int64_t>{2, 0, 3, 4, 1});
  CHECK(rows[0].gap.value == 0);
  CHECK(rows[0].tied_with_best);
  CHECK(rows[1].gap.value == Approx(0.3));
  CHECK(rows[1].gap_step == 40);
  // Trial 3 and the best share step 10 last, where it was ahead.
  CHECK(rows[2].gap.value == Approx(0.9 - 2.5));
  CHECK(rows[2].gap_step == 10);
  CHECK_FALSE(rows[2].tied_with_best);
}

TEST_CASE("A gap within its margin is a tie", "[search][leaderboard]") {
  const auto [near, best] = Pair(3, 0.002, 50);
  const auto [far, same] = Pair(3, 0.2, 50);
  Sweep sweep;
  sweep.AddCurve(TrialState::kCompleted, {far});
  sweep.AddCurve(TrialState::kCompleted, {near});
  sweep.AddCurve(TrialState::kCompleted, {best});
  const std::vector<LeaderboardRow> rows = Rank(sweep.View());
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].tied_with_best);
  CHECK(rows[2].trial == 0);
  CHECK_FALSE(rows[2].tied_with_best);
  CHECK(rows[2].gap.stderr_ > 0);
  CHECK(rows[2].margin > 2 * rows[2].gap.stderr_);
  CHECK(rows[0].margin == 0);
}

TEST_CASE("Trials without a common step get the plain difference of their values", "[search][leaderboard]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kCompleted, {At(0, 3), At(40, 1.0)});
  sweep.AddCurve(TrialState::kRunning, {At(0, 3), At(15, 1.5)});
  const std::vector<LeaderboardRow> rows = Rank(sweep.View());
  CHECK(rows[1].gap.value == Approx(0.5));
  CHECK(rows[1].gap_step == 0);
  CHECK_FALSE(rows[1].tied_with_best);
}

TEST_CASE("Equal values rank by number, and an empty sweep has no rows", "[search][leaderboard]") {
  CHECK(Rank(Sweep().View()).empty());
  Sweep sweep;
  for (int i = 0; i < 5; ++i) sweep.AddCurve(TrialState::kCompleted, {At(10, 1.0)});
  const std::vector<LeaderboardRow> rows = Rank(sweep.View());
  for (int i = 0; i < 5; ++i) CHECK(rows[static_cast<std::size_t>(i)].trial == i);
}

TEST_CASE("Ten thousand trials are ranked in a moment", "[search][leaderboard]") {
  Sweep sweep;
  Rng rng(8);
  const auto [a, b] = Pair(1, 0, 64);
  for (int i = 0; i < 10000; ++i) {
    Evaluation evaluation = a;
    evaluation.value = rng.Uniform();
    sweep.AddCurve(i % 3 == 0 ? TrialState::kPruned : TrialState::kCompleted, {At(5, 1), evaluation});
  }
  const auto start = std::chrono::steady_clock::now();
  CHECK(Rank(sweep.View()).size() == 10000);
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 1);
}

}  // namespace
}  // namespace lorasweep::search
