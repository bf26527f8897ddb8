#include "search/tpe_history.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

namespace lorasweep::search {
namespace {

constexpr int kMostGood = 25;

// A trial that may be good, with what decides it at hand: chasing pointers costs more than the rest of a comparison.
struct Scored {
  const Trial* trial;
  std::size_t index;  // into the trials that count
  bool pruned;
  std::int64_t sequences;
  std::int64_t step;
  double value;
};

// Order of merit; later numbers lose ties.
bool Better(const Scored& a, const Scored& b) {
  if (a.pruned != b.pruned) return b.pruned;
  // Sequences first: steps of trials with different batch sizes do not compare.
  if (a.pruned && a.sequences != b.sequences) return a.sequences > b.sequences;
  if (a.pruned && a.step != b.step) return a.step > b.step;
  return std::tie(a.value, a.trial->number) < std::tie(b.value, b.trial->number);
}

std::optional<Scored> Score(const Trial& trial, std::size_t index) {
  const bool pruned = trial.state == TrialState::kPruned;
  if ((trial.state != TrialState::kCompleted && !pruned) || trial.curve.empty()) return std::nullopt;
  const Evaluation& last = trial.curve.back();
  if (!std::isfinite(last.value)) return std::nullopt;
  return Scored{&trial, index, pruned, last.sequences, last.step, last.value};
}

// Which of `count` trials, oldest first, stand for all: the newest in full, and one for each of equal stretches of the
// older ones.
struct Stretch {
  std::size_t begin;
  std::size_t end;
};
std::vector<Stretch> Stretches(std::size_t count) {
  std::vector<Stretch> stretches;
  const std::size_t most = kMostRest;
  const std::size_t older = count <= most ? 0 : count - kFullWeight;
  const std::size_t pieces = most - kFullWeight;
  for (std::size_t i = 0; i < pieces && older > 0; ++i) {
    stretches.push_back({older * i / pieces, older * (i + 1) / pieces});
  }
  for (std::size_t i = older; i < count; ++i) stretches.push_back({i, i + 1});
  return stretches;
}

}  // namespace

TpeHistory SplitTrials(const SweepView& view, const TpeSpace& space) {
  TpeHistory history;
  std::vector<const Trial*> trials;
  std::vector<Scored> scored;
  // Looking parameters up is most of the work, so of a long history only those that will be used are looked up.
  const bool is_long = view.trials.size() > kMostRest;
  for (const Trial& trial : view.trials) {
    if (trial.state == TrialState::kFailed || trial.state == TrialState::kCancelled) continue;
    if (!is_long && !space.CoordinatesOf(trial.params)) continue;
    ++(IsFinal(trial.state) ? history.finished : history.pending);
    if (const std::optional<Scored> score = Score(trial, trials.size())) scored.push_back(*score);
    trials.push_back(&trial);
  }
  const int most = std::min((history.finished + 9) / 10, kMostGood);
  const auto good = std::min(static_cast<std::size_t>(most), scored.size());
  std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(good), scored.end(), Better);
  std::vector<bool> is_good(trials.size());
  for (std::size_t i = 0; i < good; ++i) is_good[scored[i].index] = true;

  std::vector<const Trial*> rest;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (!is_good[i]) {
      rest.push_back(trials[i]);
    } else if (std::optional<std::vector<double>> point = space.CoordinatesOf(trials[i]->params)) {
      history.good.push_back(*std::move(point));
    }
  }
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
