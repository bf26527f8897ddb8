#include "search/asha_pruner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "search/evaluations.h"
#include "search/leaderboard.h"

namespace lorasweep::search {
namespace {

constexpr double kWorst = std::numeric_limits<double>::infinity();

// How the trial stands at one rung.
struct Standing {
  std::int64_t seen = 1;          // trials at the rung, itself included
  std::int64_t ahead = 0;         // of them, better ones
  const Trial* leader = nullptr;  // the best of the better ones
  const Evaluation* leader_evaluation = nullptr;
};

Standing StandingAt(const SweepView& view, const Trial& trial, double value, std::int64_t rung,
                    std::int64_t previous_rung) {
  Standing standing;
  double best = value;
  for (const Trial& other : view.trials) {
    if (other.number == trial.number) continue;
    const Evaluation* evaluation = FirstAtOrAfter(other, rung);
    const bool infeasible = other.state == TrialState::kInfeasible;
    if (evaluation == nullptr) {
      const bool on_its_way = infeasible && (previous_rung == 0 || FirstAtOrAfter(other, previous_rung) != nullptr);
      standing.seen += on_its_way ? 1 : 0;
      continue;
    }
    ++standing.seen;
    const double others = infeasible ? kWorst : FiniteOrWorst(evaluation->value);
    if (others < value) ++standing.ahead;
    if (others < best) {
      best = others;
      standing.leader = &other;
      standing.leader_evaluation = evaluation;
    }
  }
  return standing;
}

}  // namespace

AshaPruner::AshaPruner(AshaOptions options) : options_(std::move(options)) {}

Verdict AshaPruner::Judge(const SweepView& view, const Trial& trial) const {
  if (trial.curve.empty() || IsFinal(trial.state)) return {};
  const Evaluation& news = trial.curve.back();
  if (!std::isfinite(news.value)) return {Verdict::Action::kStop, NotFiniteReason(news)};
  if (options_.full_sequences > 0 && news.sequences >= options_.full_sequences) return {};
  const std::int64_t before = trial.curve.size() > 1 ? trial.curve[trial.curve.size() - 2].sequences : 0;
  Verdict verdict;
  for (std::size_t rung = 0; rung < options_.rungs.size() && options_.rungs[rung] <= news.sequences; ++rung) {
    if (options_.rungs[rung] <= before) continue;
    verdict = JudgeRung(view, trial, rung);
    if (verdict.action == Verdict::Action::kStop) break;
  }
  return verdict;
}

Verdict AshaPruner::JudgeRung(const SweepView& view, const Trial& trial, std::size_t rung) const {
  const Evaluation& news = trial.curve.back();
  const std::int64_t place_of_rung = options_.rungs[rung];
  const Standing standing = StandingAt(view, trial, news.value, place_of_rung, rung > 0 ? options_.rungs[rung - 1] : 0);
  const auto keep = std::max({static_cast<std::int64_t>(std::floor(static_cast<double>(standing.seen) / options_.eta)),
                              options_.keep, std::int64_t{1}});
  const std::string rule = keep == 1 ? "only the best goes on" : absl::StrCat("the best ", keep, " go on");
  const std::string place =
      absl::StrFormat("place %d of %d at %d sequences, %s", standing.ahead + 1, standing.seen, place_of_rung, rule);
  if (standing.ahead < keep) return {Verdict::Action::kContinue, place};
  const std::string gap = DescribeGap(news, *standing.leader, *standing.leader_evaluation);
  const Estimate difference = PairedDifference(news, *standing.leader_evaluation);
  if (difference.stderr_ > 0 && difference.value <= options_.standard_errors * difference.stderr_) {
    return {Verdict::Action::kContinue,
            absl::StrFormat("%s; but only %s, within %g standard errors", place, gap, options_.standard_errors)};
  }
  return {Verdict::Action::kStop, absl::StrCat(gap, "; ", place)};
}

}  // namespace lorasweep::search
