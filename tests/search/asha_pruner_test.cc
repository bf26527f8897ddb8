#include "search/asha_pruner.h"

#include <cmath>

#include "search/algorithms.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using Action = Verdict::Action;
using testing::At;
using testing::Sweep;

const std::vector<std::int64_t> kRungs = {80, 160, 320};  // steps 10, 20, 40 of 8 sequences

AshaPruner Asha(double eta = 3) {
  return AshaPruner({.rungs = kRungs, .eta = eta});
}

Verdict JudgeLast(const Sweep& sweep, double eta = 3) {
  return Asha(eta).Judge(sweep.View(), sweep.trials.back());
}

TEST_CASE("Nothing is judged between rungs", "[search][asha]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {At(10, 1.0)});
  sweep.AddCurve(TrialState::kRunning, {At(9, 5.0)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);
  sweep.trials.back().curve = {At(10, 0.5), At(15, 9.0)};
  CHECK(JudgeLast(sweep).action == Action::kContinue);
}

TEST_CASE("Of few trials only the best at the rung goes on", "[search][asha]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {At(10, 1.0)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);
  sweep.AddCurve(TrialState::kRunning, {At(10, 0.9)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);
  sweep.AddCurve(TrialState::kRunning, {At(10, 0.95)});
  const Verdict verdict = JudgeLast(sweep);
  CHECK(verdict.action == Action::kStop);
  CHECK(verdict.reason == "0.0500 worse than trial 1; place 2 of 3 at 80 sequences, only the best goes on");
}

TEST_CASE("The best one in eta of all trials seen at the rung go on", "[search][asha]") {
  Sweep sweep;
  for (int i = 1; i <= 5; ++i) sweep.AddCurve(TrialState::kPruned, {At(10, i)});
  sweep.AddCurve(TrialState::kRunning, {At(10, 1.5)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);  // place 2 of 6, the best 2 go on
  CHECK(JudgeLast(sweep).reason == "place 2 of 6 at 80 sequences, the best 2 go on");
  CHECK(JudgeLast(sweep, 4).action == Action::kStop);  // the best 1
  sweep.trials.back().curve = {At(10, 2.5)};
  CHECK(JudgeLast(sweep).action == Action::kStop);
}

TEST_CASE("A tie goes to the newcomer", "[search][asha]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {At(10, 1.0)});
  sweep.AddCurve(TrialState::kRunning, {At(10, 1.0)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);
}

TEST_CASE("A trial's value at a rung is its first at or beyond it", "[search][asha]") {
  Sweep sweep;
  // Passed the rung at 2.0, improved to 0.1 later.
  sweep.AddCurve(TrialState::kRunning, {At(5, 9.0), At(12, 2.0), At(19, 0.1)});
  sweep.AddCurve(TrialState::kRunning, {At(10, 1.0)});
  CHECK(JudgeLast(sweep).action == Action::kContinue);
}

TEST_CASE("One evaluation may clear several rungs, and any of them may stop it", "[search][asha]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {At(10, 3.0), At(20, 0.5)});
  // Better than trial 0 at the first rung, worse at the second.
  sweep.AddCurve(TrialState::kRunning, {At(20, 1.0)});
  const Verdict verdict = JudgeLast(sweep);
  CHECK(verdict.action == Action::kStop);
  CHECK(verdict.reason.find("at 160 sequences") != std::string::npos);
  // Worse at the first rung already: that one decides.
  sweep.trials[0].curve = {At(10, 0.9), At(20, 0.5)};
  CHECK(JudgeLast(sweep).reason.find("at 80 sequences") != std::string::npos);
}

TEST_CASE("Trials with different batch sizes meet at the same sequences", "[search][asha]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {Evaluation{40, 80, 1.0, {}, {}}});
  sweep.AddCurve(TrialState::kRunning, {Evaluation{5, 80, 2.0, {}, {}}});
  CHECK(JudgeLast(sweep).action == Action::kStop);
}

TEST_CASE("A value that is not finite ends the trial anywhere", "[search][asha]") {
  for (const double value : {std::nan(""), double{INFINITY}, -double{INFINITY}}) {
    Sweep sweep;
    sweep.AddCurve(TrialState::kRunning, {At(3, value)});
    CHECK(JudgeLast(sweep).action == Action::kStop);
  }
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {At(3, std::nan(""))});
  CHECK(JudgeLast(sweep).reason == "the value at step 3 is nan");
}

TEST_CASE("Diverged and infeasible trials are worse than any number", "[search][asha]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kPruned, {At(10, std::nan(""))});
  sweep.AddCurve(TrialState::kPruned, {At(10, -INFINITY)});
  sweep.AddCurve(TrialState::kInfeasible, {At(10, -7.0)});
  sweep.AddCurve(TrialState::kRunning, {At(10, 5.0)});
  CHECK(JudgeLast(sweep).reason == "place 1 of 4 at 80 sequences, only the best goes on");
}

TEST_CASE("An infeasible trial counts at the rung it was on its way to, and not beyond", "[search][asha]") {
  Sweep sweep;
  for (int i = 0; i < 4; ++i) sweep.AddCurve(TrialState::kInfeasible, {});
  sweep.AddCurve(TrialState::kRunning, {At(10, 1.0), At(20, 1.0)});
  sweep.AddCurve(TrialState::kRunning, {At(10, 2.0)});
  CHECK(JudgeLast(sweep).reason == "place 2 of 6 at 80 sequences, the best 2 go on");
  sweep.trials.back().curve = {At(10, 2.0), At(20, 2.0)};
  CHECK(JudgeLast(sweep).reason.find("place 2 of 2 at 160 sequences") != std::string::npos);
}

TEST_CASE("Passed rungs are not judged again, however the field moves", "[search][asha]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kRunning, {At(10, 1.0)});
  REQUIRE(JudgeLast(sweep).action == Action::kContinue);
  for (int i = 0; i < 9; ++i) sweep.AddCurve(TrialState::kRunning, {At(10, 0.1)});
  sweep.trials[0].curve.push_back(At(15, 1.0));
  CHECK(Asha().Judge(sweep.View(), sweep.trials[0]).action == Action::kContinue);
}

TEST_CASE("A trial at its full length is not judged", "[search][asha]") {
  Sweep sweep;
  sweep.AddCurve(TrialState::kCompleted, {At(10, 0.1), At(40, 0.1)});
  sweep.AddCurve(TrialState::kRunning, {At(10, 0.05), At(40, 1.0)});
  CHECK(AshaPruner({.rungs = kRungs, .full_sequences = 320}).Judge(sweep.View(), sweep.trials.back()).action ==
        Action::kContinue);
  CHECK(AshaPruner({.rungs = kRungs}).Judge(sweep.View(), sweep.trials.back()).action == Action::kStop);
}

TEST_CASE("The reason gives the paired difference on the same sequences", "[search][asha]") {
  Sweep sweep;
  auto evaluation = [](double extra) {
    Evaluation e = At(10, 0);
    for (int i = 0; i < 64; ++i) {
      e.sequence_tokens.push_back(10);
      e.sequence_losses.push_back(static_cast<float>(20 + i + 10 * extra + (i % 2 == 0 ? extra : -extra)));
    }
    e.value = MeanLoss(e).value;
    return e;
  };
  sweep.AddCurve(TrialState::kRunning, {evaluation(0)});
  sweep.AddCurve(TrialState::kRunning, {evaluation(0.03125)});
  CHECK(JudgeLast(sweep).reason ==
        "0.0312 ± 0.0004 worse than trial 0 on the same 64 sequences; place 2 of 2 at 80 sequences, only the best goes "
        "on");
}

}  // namespace
}  // namespace lorasweep::search
