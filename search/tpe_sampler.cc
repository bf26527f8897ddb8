#include "search/tpe_sampler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "search/proposed_points.h"
#include "search/random_sampler.h"
#include "search/tpe_history.h"
#include "search/tpe_space.h"

namespace lorasweep::search {
namespace {

struct Model {
  Model(const TpeSpace& space, const TpeHistory& history)
      : good(space.axes(), history.good, history.good_weights),
        rest(space.axes(), history.rest, history.rest_weights) {}

  TpeScore Score(const std::vector<double>& point) const { return {good.LogDensity(point), rest.LogDensity(point)}; }

  ParzenEstimator good;
  ParzenEstimator rest;
};

struct Candidate {
  std::vector<double> point;
  double log_ratio = 0;
};

// Best first; the first drawn wins ties.
std::vector<Candidate> DrawCandidates(const Model& model, Rng* rng) {
  std::vector<Candidate> candidates(TpeSampler::kCandidates);
  for (Candidate& candidate : candidates) {
    candidate.point = model.good.Sample(rng);
    candidate.log_ratio = model.Score(candidate.point).LogRatio();
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.log_ratio > b.log_ratio; });
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
  const TpeSpace space(view.space);
  const TpeHistory history = SplitTrials(view, space);
  if (space.axes().empty() || history.finished + history.known < kStartupTrials) {
    return DrawRandom(view.space, proposed, &rng,
                      absl::StrCat("Drawn at random: TPE needs ", kStartupTrials, " finished trials, there are ",
                                   history.finished, "."));
  }
  const std::vector<Candidate> candidates = DrawCandidates(Model(space, history), &rng);
  for (std::size_t place = 0; place < candidates.size(); ++place) {
    const Params free = space.ParamsAt(candidates[place].point);
    if (proposed.Contains(free)) continue;
    absl::StatusOr<Params> params = view.space.Complete(free);
    if (!params.ok()) return params.status();
    return Suggestion{*std::move(params), Reason(history, place, candidates[place].log_ratio)};
  }
  return DrawRandom(view.space, proposed, &rng,
                    absl::StrCat("Drawn at random: all ", kCandidates, " candidates of TPE were tried already."));
}

absl::StatusOr<std::vector<TpeScore>> ScoreCandidates(const SweepView& view, std::span<const Params> candidates) {
  const TpeSpace space(view.space);
  const Model model(space, SplitTrials(view, space));
  std::vector<TpeScore> scores;
  scores.reserve(candidates.size());
  for (const Params& candidate : candidates) {
    const std::optional<std::vector<double>> point = space.CoordinatesOf(candidate);
    if (!point) {
      return absl::InvalidArgumentError(
          absl::StrCat("candidate ", scores.size(), " is not in the space: ", ToString(candidate)));
    }
    scores.push_back(model.Score(*point));
  }
  return scores;
}

}  // namespace lorasweep::search
