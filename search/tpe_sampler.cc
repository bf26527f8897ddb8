#include "search/tpe_sampler.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "search/proposed_points.h"
#include "search/random_sampler.h"
#include "search/tpe_history.h"
#include "search/tpe_space.h"

namespace lorasweep::search {
namespace {

// The two densities of one group of parameters.
struct Model {
  Model(const SweepView& view, std::size_t group)
      : space(view.space, group),
        history(SplitTrials(view, space)),
        good(space.axes(), history.good, history.good_weights),
        rest(space.axes(), history.rest, history.rest_weights) {}

  TpeScore Score(const std::vector<double>& point) const { return {good.LogDensity(point), rest.LogDensity(point)}; }

  TpeSpace space;
  TpeHistory history;
  ParzenEstimator good;
  ParzenEstimator rest;
};

struct Candidate {
  Params params;
  double log_ratio = 0;
};

// Best first; the first drawn wins ties.
std::vector<Candidate> DrawCandidates(const Model& model, Rng* rng) {
  std::vector<std::vector<double>> points(TpeSampler::kCandidates);
  std::vector<double> ratios(points.size());
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] = model.good.Sample(rng);
    ratios[i] = model.Score(points[i]).LogRatio();
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return ratios[a] > ratios[b]; });
  std::vector<Candidate> candidates;
  for (const std::size_t i : order) candidates.push_back({model.space.ParamsAt(points[i]), ratios[i]});
  return candidates;
}

std::string Reason(const TpeHistory& history, std::size_t place, double log_ratio) {
  const std::string choice = place == 0 ? absl::StrCat("Best of ", TpeSampler::kCandidates, " candidates")
                                        : absl::StrCat("Candidate ", place + 1, " of ", TpeSampler::kCandidates,
                                                       " (the better ones were tried already)");
  const std::string pending = history.pending > 0 ? absl::StrFormat(", %d of them unfinished", history.pending) : "";
  const std::string known = history.known > 0 ? absl::StrFormat(", %d of earlier sweeps", history.known) : "";
  return absl::StrFormat(
      "%s: log density ratio %.2f between the %d best trials and the other %d%s%s (TPE).", choice, log_ratio,
      history.good.size(),
      static_cast<std::size_t>(history.finished + history.pending + history.known) - history.good.size(), pending,
      known);
}

}  // namespace

absl::StatusOr<Proposal> TpeSampler::Suggest(const SweepView& view, std::uint64_t seed) const {
  Rng rng(seed);
  const ProposedPoints proposed(view);
  if (proposed.Exhausted()) return SpaceExhausted{};
  const Model root(view, 0);
  const bool nothing_to_model = root.space.axes().empty() && !view.space.conditional();
  if (nothing_to_model || root.history.finished + root.history.known < kStartupTrials) {
    return DrawRandom(view.space, proposed, &rng,
                      absl::StrCat("Drawn at random: TPE needs ", kStartupTrials, " finished trials, there are ",
                                   root.history.finished, "."));
  }
  // Each group by itself; what is not in use is left out in the end.
  std::vector<std::vector<Candidate>> groups = {DrawCandidates(root, &rng)};
  for (std::size_t group = 1; group < view.space.groups().size(); ++group) {
    groups.push_back(DrawCandidates(Model(view, group), &rng));
  }
  for (std::size_t place = 0; place < kCandidates; ++place) {
    Params free;
    for (const std::vector<Candidate>& candidates : groups) {
      free.insert(candidates[place].params.begin(), candidates[place].params.end());
    }
    if (proposed.Contains(free)) continue;
    absl::StatusOr<Params> params = view.space.Complete(free);
    if (!params.ok()) return params.status();
    return Suggestion{*std::move(params), Reason(root.history, place, groups[0][place].log_ratio)};
  }
  return DrawRandom(view.space, proposed, &rng,
                    absl::StrCat("Drawn at random: all ", kCandidates, " candidates of TPE were tried already."));
}

absl::StatusOr<std::vector<TpeScore>> ScoreCandidates(const SweepView& view, std::span<const Params> candidates) {
  std::vector<TpeScore> scores(candidates.size());
  for (std::size_t group = 0; group < view.space.groups().size(); ++group) {
    const Model model(view, group);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!model.space.Contains(candidates[i])) {
        return absl::InvalidArgumentError(
            absl::StrCat("candidate ", i, " is not in the space: ", ToString(candidates[i])));
      }
      const std::optional<std::vector<double>> point = model.space.CoordinatesOf(candidates[i]);
      if (!point) continue;
      const TpeScore score = model.Score(*point);
      scores[i].log_good += score.log_good;
      scores[i].log_rest += score.log_rest;
    }
  }
  return scores;
}

}  // namespace lorasweep::search
