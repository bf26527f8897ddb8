#include "search/tpe_history.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "search/pareto.h"

namespace lorasweep::search {
namespace {

constexpr int kMostGood = 25;
constexpr double kGoodStanding = 0.1;
constexpr std::size_t kMostCompared = 1000;  // of one Pareto front

// A trial that may be good, with what decides it at hand: chasing pointers costs more than the rest of a comparison.
struct Scored {
  enum class Kind { kCompleted, kPruned, kBroken };
  const Trial* trial;
  std::size_t index;  // into the trials that count
  Kind kind;
  std::int64_t sequences;
  std::int64_t step;
  double value;
};

// Order of merit; later numbers lose ties.
bool Better(const Scored& a, const Scored& b) {
  if (a.kind != b.kind) return a.kind < b.kind;
  // Sequences first: steps of trials with different batch sizes do not compare.
  const bool pruned = a.kind == Scored::Kind::kPruned;
  if (pruned && a.sequences != b.sequences) return a.sequences > b.sequences;
  if (pruned && a.step != b.step) return a.step > b.step;
  return std::tie(a.value, a.trial->number) < std::tie(b.value, b.trial->number);
}

std::optional<Scored> Score(const Trial& trial, std::size_t index) {
  const bool pruned = trial.state == TrialState::kPruned;
  if ((trial.state != TrialState::kCompleted && !pruned) || trial.curve.empty()) return std::nullopt;
  const Evaluation& last = trial.curve.back();
  if (!std::isfinite(last.value)) return std::nullopt;
  const double violation = TotalViolation(trial);
  if (violation > 0) return Scored{&trial, index, Scored::Kind::kBroken, last.sequences, last.step, violation};
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!pruned && !std::all_of(trial.others.begin(), trial.others.end(), finite)) return std::nullopt;
  return Scored{&trial,         index,     pruned ? Scored::Kind::kPruned : Scored::Kind::kCompleted,
                last.sequences, last.step, last.value};
}

// Puts the place of each completed trial by all its objectives in its value's stead: whole numbers are Pareto fronts,
// and the members of the front at which `most` is reached that are not needed lie half a place behind it.
void RankByFronts(std::size_t most, std::vector<Scored>* scored) {
  std::vector<Scored*> completed;
  std::vector<Losses> losses;
  for (Scored& one : *scored) {
    if (one.kind != Scored::Kind::kCompleted) continue;
    completed.push_back(&one);
    losses.push_back(one.trial->others);
    losses.back().insert(losses.back().begin(), one.value);
  }
  const std::vector<int> fronts = Fronts(losses, most);
  std::size_t before = 0;
  std::vector<std::size_t> members;
  for (int front = 0; before + members.size() < std::min(most, completed.size()); ++front) {
    before += members.size();
    members.clear();
    for (std::size_t i = 0; i < fronts.size(); ++i) {
      if (fronts[i] == front) members.push_back(i);
    }
  }
  for (std::size_t i = 0; i < completed.size(); ++i) completed[i]->value = fronts[i];
  if (before + members.size() <= most) return;
  std::vector<std::size_t> compared;
  const std::size_t count = std::min(members.size(), kMostCompared);
  std::vector<Losses> front;
  for (std::size_t i = 0; i < count; ++i) {
    compared.push_back(members[i * members.size() / count]);
    front.push_back(losses[compared.back()]);
  }
  for (const std::size_t i : members) completed[i]->value += 0.5;
  for (const std::size_t i : HypervolumeSubset(front, most - before, ReferencePoint(front))) {
    completed[compared[i]]->value -= 0.5;
  }
}

// Which of `count` trials, oldest first, stand for all: the newest in full, and one for each of equal stretches of the
// older ones.
struct Stretch {
  std::size_t begin;
  std::size_t end;
};
std::vector<Stretch> Stretches(std::size_t count) {
  std::vector<Stretch> stretches;
  const std::size_t older = count <= kMostRest ? 0 : count - kFullWeight;
  const std::size_t pieces = kRestKept - kFullWeight;
  for (std::size_t i = 0; i < pieces && older > 0; ++i) {
    stretches.push_back({older * i / pieces, older * (i + 1) / pieces});
  }
  for (std::size_t i = older; i < count; ++i) stretches.push_back({i, i + 1});
  return stretches;
}

void AddKnown(const SweepView& view, const TpeSpace& space, TpeHistory* history) {
  const double weight = kKnownFade / (kKnownFade + history->finished);
  for (const KnownPoint& known : view.known) {
    std::optional<std::vector<double>> point = space.CoordinatesOf(known.params);
    if (!point) continue;
    const bool good = known.standing <= kGoodStanding;
    (good ? history->good : history->rest).push_back(*std::move(point));
    (good ? history->good_weights : history->rest_weights).push_back(weight);
    ++history->known;
  }
}

}  // namespace

TpeHistory SplitTrials(const SweepView& view, const TpeSpace& space) {
  TpeHistory history;
  std::vector<const Trial*> trials;
  std::vector<Scored> scored;
  bool several = false;
  // Looking parameters up is most of the work, so of a long history only those that will be used are looked up.
  const bool is_long = view.trials.size() > kMostRest;
  for (const Trial& trial : view.trials) {
    if (trial.state == TrialState::kFailed || trial.state == TrialState::kCancelled) continue;
    if (trial.warm_start_of >= 0) continue;
    if (!is_long && !space.Contains(trial.params)) continue;
    ++(IsFinal(trial.state) ? history.finished : history.pending);
    several |= !trial.others.empty();
    if (const std::optional<Scored> score = Score(trial, trials.size())) scored.push_back(*score);
    trials.push_back(&trial);
  }
  AddKnown(view, space, &history);
  const int most = std::min((history.finished + 9) / 10, several ? kMostGoodOfMany : kMostGood);
  if (several) RankByFronts(static_cast<std::size_t>(most), &scored);
  const auto good = std::min(static_cast<std::size_t>(most), scored.size());
  std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(good), scored.end(), Better);
  std::vector<bool> is_good(trials.size());
  for (std::size_t i = 0; i < good; ++i) is_good[scored[i].index] = true;

  std::vector<const Trial*> rest;
  std::vector<std::vector<double>> good_points;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (!is_good[i]) {
      // Those that do not use the group's parameters have no part in its weights.
      if (!space.space().conditional() || space.CoordinatesOf(trials[i]->params)) rest.push_back(trials[i]);
    } else if (std::optional<std::vector<double>> point = space.CoordinatesOf(trials[i]->params)) {
      good_points.push_back(*std::move(point));
    }
  }
  const std::vector<double> good_weights =
      several ? std::vector<double>(good_points.size(), 1.0) : KernelWeights(good_points.size());
  history.good_weights.insert(history.good_weights.end(), good_weights.begin(), good_weights.end());
  history.good.insert(history.good.end(), good_points.begin(), good_points.end());
  const std::vector<double> weights = KernelWeights(rest.size());
  for (const auto& [begin, end] : Stretches(rest.size())) {
    std::optional<std::vector<double>> point = space.CoordinatesOf(rest[begin + (end - begin) / 2]->params);
    if (!point) continue;
    history.rest.push_back(*std::move(point));
    history.rest_weights.push_back(std::accumulate(weights.begin() + static_cast<std::ptrdiff_t>(begin),
                                                   weights.begin() + static_cast<std::ptrdiff_t>(end), 0.0));
  }
  return history;
}

}  // namespace lorasweep::search
