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
constexpr std::size_t kMostCompared = 50;       // trials of a rung whose order is looked at
constexpr double kGolden = 0.6180339887498949;  // multiples of it, modulo 1, are spread evenly at any length

// How the trial stands at one rung.
struct Standing {
  std::int64_t seen = 1;          // trials at the rung, itself included
  std::int64_t ahead = 0;         // of them, better ones
  const Trial* leader = nullptr;  // the best of the better ones
  const Evaluation* leader_evaluation = nullptr;
};

template <class Competes>
Standing StandingAt(const SweepView& view, const Trial& trial, double value, std::int64_t rung,
                    std::int64_t previous_rung, Competes competes) {
  Standing standing;
  double best = value;
  for (const Trial& other : view.trials) {
    if (other.number == trial.number || !competes(other)) continue;
    const Evaluation* evaluation = FirstAtOrAfter(other, rung);
    const bool infeasible = other.state == TrialState::kInfeasible;
    if (evaluation == nullptr) {
      const bool on_its_way = infeasible && (previous_rung == 0 || FirstAtOrAfter(other, previous_rung) != nullptr);
      standing.seen += on_its_way ? 1 : 0;
      continue;
    }
    ++standing.seen;
    const double others = infeasible ? kWorst : FiniteOrWorst(evaluation->value);
    if (!(others < value) || !IsNoWorseElsewhere(other, trial)) continue;
    ++standing.ahead;
    if (others < best) {
      best = others;
      standing.leader = &other;
      standing.leader_evaluation = evaluation;
    }
  }
  return standing;
}

// Nothing but this trial could still complete, and none has: it came farthest, or as far as any and is the best of
// those.
bool IsLastHope(const SweepView& view, const Trial& trial) {
  if (!view.all_proposed) return false;
  const Evaluation& own = trial.curve.back();
  for (const Trial& other : view.trials) {
    if (other.number == trial.number) continue;
    if (other.state == TrialState::kQueued || other.state == TrialState::kRunning ||
        other.state == TrialState::kCompleted) {
      return false;
    }
    if (other.state != TrialState::kPaused || other.curve.empty()) continue;
    const Evaluation& last = other.curve.back();
    if (last.sequences > own.sequences) return false;
    if (last.sequences == own.sequences && std::pair(last.value, other.number) < std::pair(own.value, trial.number)) {
      return false;
    }
  }
  return true;
}

}  // namespace

AshaPruner::AshaPruner(AshaOptions options) : options_(std::move(options)) {
  // A halving costs n r m: n trials, r sequences to the first rung, m rungs and the rest, each of which the survivors
  // of the one before pay together.
  double sum = 0;
  for (std::int64_t k = 0; k < std::max<std::int64_t>(options_.brackets, 1); ++k) {
    const auto stages = static_cast<double>(options_.rungs.size()) + 1 - static_cast<double>(k);
    sum += std::pow(options_.eta, -static_cast<double>(k)) / std::max(stages, 1.0);
    shares_.push_back(sum);
  }
  for (double& share : shares_) share /= sum;
}

std::size_t AshaPruner::BracketOf(std::int64_t number) const {
  const double place = (static_cast<double>(number) + 0.5) * kGolden;
  const auto found = std::upper_bound(shares_.begin(), shares_.end(), place - std::floor(place));
  return std::min(static_cast<std::size_t>(found - shares_.begin()), shares_.size() - 1);
}

Verdict AshaPruner::Judge(const SweepView& view, const Trial& trial) const {
  if (trial.curve.empty() || IsFinal(trial.state)) return {};
  const Evaluation& news = trial.curve.back();
  if (!std::isfinite(news.value)) return {Verdict::Action::kStop, NotFiniteReason(news)};
  if (options_.full_sequences > 0 && news.sequences >= options_.full_sequences) return {};
  const std::int64_t before = trial.curve.size() > 1 ? trial.curve[trial.curve.size() - 2].sequences : 0;
  const std::size_t highest = options_.grow ? HighestRung(view) : options_.rungs.size();
  Verdict verdict;
  for (std::size_t rung = BracketOf(trial.number);
       rung < options_.rungs.size() && options_.rungs[rung] <= news.sequences; ++rung) {
    if (options_.rungs[rung] <= before) continue;
    verdict = JudgeRung(view, trial, rung, highest);
    if (verdict.action != Verdict::Action::kContinue) break;
  }
  if (verdict.action == Verdict::Action::kPause && IsLastHope(view, trial)) {
    return {Verdict::Action::kContinue, "the best of those that came farthest goes on to the end"};
  }
  return verdict;
}

Verdict AshaPruner::JudgeRung(const SweepView& view, const Trial& trial, std::size_t rung, std::size_t highest) const {
  const Evaluation& news = trial.curve.back();
  const std::int64_t place_of_rung = options_.rungs[rung];
  const std::size_t bracket = BracketOf(trial.number);
  const Standing standing =
      StandingAt(view, trial, news.value, place_of_rung, rung > bracket ? options_.rungs[rung - 1] : 0,
                 [&](const Trial& other) { return BracketOf(other.number) == bracket; });
  const auto keep = std::max({static_cast<std::int64_t>(std::floor(static_cast<double>(standing.seen) / options_.eta)),
                              options_.keep, std::int64_t{options_.promote ? 0 : 1}});
  const std::string rule = keep == 0   ? "none goes on yet"
                           : keep == 1 ? "only the best goes on"
                                       : absl::StrCat("the best ", keep, " go on");
  const std::string place =
      absl::StrFormat("place %d of %d at %d sequences, %s", standing.ahead + 1, standing.seen, place_of_rung, rule);
  if (standing.ahead >= keep) {
    if (standing.leader == nullptr) return {Halt(), place};
    const std::string gap = DescribeGap(news, *standing.leader, *standing.leader_evaluation);
    const Estimate difference = PairedDifference(news, *standing.leader_evaluation);
    if (difference.stderr_ == 0 || difference.value > options_.standard_errors * difference.stderr_) {
      return {Halt(), absl::StrCat(gap, "; ", place)};
    }
    if (rung < highest) {
      return {Verdict::Action::kContinue,
              absl::StrFormat("%s; but only %s, within %g standard errors", place, gap, options_.standard_errors)};
    }
  }
  if (rung >= highest) {
    return {Halt(), absl::StrCat("the order of the best has not changed since the rung before; ", place)};
  }
  return {Verdict::Action::kContinue, place};
}

std::size_t AshaPruner::HighestRung(const SweepView& view) const {
  std::size_t rung = 1;
  while (rung < options_.rungs.size() && !Consistent(view, rung)) ++rung;
  return rung;
}

bool AshaPruner::Consistent(const SweepView& view, std::size_t rung) const {
  std::vector<std::pair<const Evaluation*, const Evaluation*>> pairs;  // at the rung before and at this one
  for (const Trial& trial : view.trials) {
    if (trial.state == TrialState::kInfeasible) continue;
    const Evaluation* now = FirstAtOrAfter(trial, options_.rungs[rung]);
    const Evaluation* then = FirstAtOrAfter(trial, options_.rungs[rung - 1]);
    if (now != nullptr && std::isfinite(now->value) && std::isfinite(then->value)) pairs.emplace_back(then, now);
  }
  // Who is last does not matter.
  const auto compared = static_cast<std::ptrdiff_t>(std::min(pairs.size(), kMostCompared));
  std::partial_sort(pairs.begin(), pairs.begin() + compared, pairs.end(),
                    [](const auto& a, const auto& b) { return a.second->value < b.second->value; });
  pairs.resize(static_cast<std::size_t>(compared));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    for (std::size_t j = 0; j < pairs.size(); ++j) {
      const auto& [then_a, now_a] = pairs[i];
      const auto& [then_b, now_b] = pairs[j];
      if (!(then_a->value < then_b->value) || !(now_a->value > now_b->value)) continue;
      const Estimate lead = PairedDifference(*then_b, *then_a);
      if (lead.value > std::max(options_.standard_errors, 1.0) * lead.stderr_) return false;
    }
  }
  return true;
}

}  // namespace lorasweep::search
