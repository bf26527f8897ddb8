#include <cmath>

#include "search/algorithms.h"
#include "search/normal.h"
#include "search/rng.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using Action = Verdict::Action;
using testing::Sweep;

constexpr int kSequences = 64;

// Losses of 64 validation sequences that differ much from each other, the same way in every trial, and a little from
// trial to trial.
Evaluation Scored(std::int64_t step, double mean, double own_noise, std::uint64_t seed) {
  Rng shared(99);
  Rng own(seed);
  Evaluation evaluation{step, 8 * step, 0, {}, {}};
  double losses = 0;
  double tokens = 0;
  for (int i = 0; i < kSequences; ++i) {
    const auto length = static_cast<std::int32_t>(20 + shared.Below(200));
    const double hardness = 0.4 * NormalQuantile(shared.Uniform());
    const double loss = length * (mean + hardness + own_noise * NormalQuantile(own.Uniform()));
    evaluation.sequence_losses.push_back(static_cast<float>(loss));
    evaluation.sequence_tokens.push_back(length);
    losses += static_cast<double>(evaluation.sequence_losses.back());
    tokens += length;
  }
  evaluation.value = losses / tokens;
  return evaluation;
}

Verdict JudgeLast(const Sweep& sweep, std::string_view type, double standard_errors = 2, std::int64_t keep = 1) {
  const auto pruner =
      MakePruner({.type = type, .rung_sequences = {80, 160}, .standard_errors = standard_errors, .keep = keep});
  REQUIRE(pruner.ok());
  return (*pruner)->Judge(sweep.View(), sweep.trials.back());
}

TEST_CASE("A trial within noise of the best goes on where plain halving stops it", "[search][paired]") {
  Sweep sweep;
  for (std::uint64_t i = 0; i < 5; ++i) sweep.AddCurve(TrialState::kRunning, {Scored(10, 2.0, 0.02, i)});
  // Standard error of a paired difference: about 0.02 √2 / √64 = 0.0035.
  sweep.AddCurve(TrialState::kRunning, {Scored(10, 2.004, 0.02, 50)});
  CHECK(JudgeLast(sweep, "asha").action == Action::kStop);
  const Verdict verdict = JudgeLast(sweep, "paired", 4);
  CHECK(verdict.action == Action::kContinue);
  INFO(verdict.reason);
  CHECK(verdict.reason.find("worse than trial ") != std::string::npos);
  CHECK(verdict.reason.find("on the same 64 sequences, within 4 standard errors") != std::string::npos);
}

TEST_CASE("A trial that is clearly worse on the same sequences is stopped", "[search][paired]") {
  Sweep sweep;
  for (std::uint64_t i = 0; i < 5; ++i) sweep.AddCurve(TrialState::kRunning, {Scored(10, 2.0, 0.02, i)});
  // Far less than the standard error of a loss itself, about 0.4 / √64 = 0.05.
  sweep.AddCurve(TrialState::kRunning, {Scored(10, 2.03, 0.02, 50)});
  CHECK(MeanLoss(sweep.trials.back().curve.back()).stderr_ > 0.03);
  CHECK(JudgeLast(sweep, "paired").action == Action::kStop);
  CHECK(JudgeLast(sweep, "paired", 100).action == Action::kContinue);
}

TEST_CASE("Of the safety stock none is stopped", "[search][paired]") {
  Sweep sweep;
  for (std::uint64_t i = 0; i < 2; ++i) sweep.AddCurve(TrialState::kRunning, {Scored(10, 2.0, 0.02, i)});
  sweep.AddCurve(TrialState::kRunning, {Scored(10, 3.0, 0.02, 50)});
  CHECK(JudgeLast(sweep, "paired", 2, 2).action == Action::kStop);
  CHECK(JudgeLast(sweep, "paired", 2, 3).action == Action::kContinue);
  CHECK(JudgeLast(sweep, "asha", 2, 3).action == Action::kStop);
}

TEST_CASE("Without losses by sequence the ranking decides alone", "[search][paired]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {testing::At(10, 1.0)});
  sweep.AddCurve(TrialState::kRunning, {testing::At(10, 1.001)});
  CHECK(JudgeLast(sweep, "paired").action == Action::kStop);
}

// Many sweeps of equally good trials: the last to come should not be stopped for noise.
TEST_CASE("Paired pruning stops equals at the rate its standard errors promise, halving stops most",
          "[search][paired]") {
  int paired = 0;
  int halving = 0;
  constexpr int kSweeps = 200;
  for (std::uint64_t s = 0; s < kSweeps; ++s) {
    Sweep sweep;
    for (std::uint64_t i = 0; i < 2; ++i) sweep.AddCurve(TrialState::kRunning, {Scored(10, 2.0, 0.05, 10 * s + i)});
    paired += JudgeLast(sweep, "paired").action == Action::kStop ? 1 : 0;
    halving += JudgeLast(sweep, "asha").action == Action::kStop ? 1 : 0;
  }
  INFO("of " << kSweeps << ": paired " << paired << ", halving " << halving);
  CHECK(halving > 75);
  CHECK(halving < 125);
  CHECK(paired < 12);  // 2.3 % expected beyond two standard errors; four of its deviations more are 13
}

}  // namespace
}  // namespace lorasweep::search
