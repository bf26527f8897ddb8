#include "bench/search/coverage.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "search/interval.h"
#include "search/leaderboard.h"
#include "search/normal.h"
#include "search/rng.h"
#include "search/sampler.h"
#include "search/space.h"

namespace lorasweep::bench {
namespace {

using search::Estimate;
using search::Evaluation;
using search::LeaderboardRow;
using search::Rng;
using search::Trial;

struct Coverage {
  std::int64_t all = 0;
  std::int64_t held = 0;

  void Count(bool is_held) {
    ++all;
    held += is_held ? 1 : 0;
  }
  double percent() const { return all > 0 ? 100.0 * static_cast<double>(held) / static_cast<double>(all) : NAN; }
};

struct Coverages {
  Coverage pairs;        // of two trials chosen beforehand
  Coverage as_pairs;     // of gaps to the best, as if it had been chosen beforehand
  Coverage to_best;      // of gaps to the best, by the margin
  double sharpness = 0;  // a loss's standard error over that of a difference, summed over pairs

  void PrintRow(const char* name) const {
    std::printf("| %s | %.1f %% | %.1f %% | %.1f %% | %.1f |\n", name, pairs.percent(), as_pairs.percent(),
                to_best.percent(), sharpness / static_cast<double>(std::max<std::int64_t>(pairs.all, 1)));
  }
};

void PrintHead(const char* title) {
  std::printf(
      "\n| %s | any two trials | gap to the best, choice ignored | gap to the best | error of a loss over that of a "
      "difference |\n| --- | --- | --- | --- | --- |\n",
      title);
}

// Counts intervals from `trials` whose truth is `difference(a, b)`, with the error it is known with.
template <typename Difference>
void CountSweep(const std::vector<Trial>& trials, const Difference& difference, Coverages* counts) {
  const auto count = static_cast<std::int64_t>(trials.size());
  const auto degrees = static_cast<double>(trials[0].curve.back().sequence_losses.size()) - 1;
  const double alone = search::IntervalReach(1, degrees);
  // The choice of the best flatters what was seen, not the truth's own error.
  const auto within = [alone](double seen, const Estimate& truth, double margin) {
    return std::abs(seen - truth.value) <= std::hypot(margin, alone * truth.stderr_);
  };
  for (std::int64_t a = 0; a < count; ++a) {
    const std::int64_t b = (a + 1) % count;
    const Evaluation& own = trials[static_cast<std::size_t>(a)].curve.back();
    const Estimate seen = PairedDifference(own, trials[static_cast<std::size_t>(b)].curve.back());
    if (seen.stderr_ == 0) continue;
    counts->pairs.Count(within(seen.value, difference(a, b), alone * seen.stderr_));
    counts->sharpness += search::MeanLoss(own).stderr_ / seen.stderr_;
  }
  const search::Space space;
  const std::vector<LeaderboardRow> rows = search::Rank({space, trials});
  for (const LeaderboardRow& row : rows) {
    if (row.rank == 1 || row.gap.stderr_ == 0) continue;
    const Estimate truth = difference(row.trial, rows[0].trial);
    counts->as_pairs.Count(within(row.gap.value, truth, alone * row.gap.stderr_));
    counts->to_best.Count(within(row.gap.value, truth, row.margin));
  }
}

// Losses as those of real runs are: sequences of 20 to 220 tokens that differ far more from each other than trials do,
// whose trials deviate from a common course by errors with heavy tails (Student's, five degrees).
std::vector<Trial> Generate(const std::vector<double>& means, int sequences, Rng* rng) {
  std::vector<double> level;
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < sequences; ++i) {
    level.push_back(2 + 0.7 * search::NormalQuantile(rng->Uniform()));
    tokens.push_back(static_cast<std::int32_t>(20 + rng->Below(200)));
  }
  std::vector<Trial> trials;
  for (const double mean : means) {
    Trial trial{static_cast<std::int64_t>(trials.size()), search::TrialState::kCompleted, {}, {}};
    Evaluation evaluation{40, 320, 0, {}, tokens};
    for (int i = 0; i < sequences; ++i) {
      const double error = 0.03 * search::StudentQuantile(rng->Uniform(), 5);
      const auto at = static_cast<std::size_t>(i);
      evaluation.sequence_losses.push_back(static_cast<float>(tokens[at] * (level[at] + mean + error)));
    }
    evaluation.value = search::MeanLoss(evaluation).value;
    trial.curve.push_back(std::move(evaluation));
    trials.push_back(std::move(trial));
  }
  return trials;
}

// Part of the sequences of an evaluation.
Evaluation Part(const Evaluation& whole, const std::vector<std::size_t>& order, std::size_t begin, std::size_t end) {
  Evaluation part{whole.step, whole.sequences, 0, {}, {}};
  for (std::size_t i = begin; i < end; ++i) {
    part.sequence_losses.push_back(whole.sequence_losses[order[i]]);
    part.sequence_tokens.push_back(whole.sequence_tokens[order[i]]);
  }
  part.value = search::MeanLoss(part).value;
  return part;
}

}  // namespace

void PrintGeneratedCoverage() {
  PrintHead("made-up sweeps");
  constexpr int kRepeats = 300;
  for (const int trials : {4, 12, 48}) {
    for (const int sequences : {16, 64, 256}) {
      // How far trials lie apart, in standard errors of a difference: not at all, a little, far.
      for (const double distance : {0.0, 0.5, 5.0}) {
        Rng rng(search::TrialSeed(17, trials * 100000 + sequences * 10 + static_cast<int>(distance)));
        Coverages counts;
        for (int repeat = 0; repeat < kRepeats; ++repeat) {
          std::vector<double> means;
          const double error = 0.055 / std::sqrt(sequences);
          for (int i = 0; i < trials; ++i) means.push_back(distance * error * i * rng.Uniform() * 2);
          CountSweep(
              Generate(means, sequences, &rng),
              [&](std::int64_t a, std::int64_t b) {
                return Estimate{means[static_cast<std::size_t>(a)] - means[static_cast<std::size_t>(b)], 0};
              },
              &counts);
        }
        char name[80];
        std::snprintf(name, sizeof name, "%d trials, %d sequences, %s", trials, sequences,
                      distance == 0  ? "all equal"
                      : distance < 1 ? "close"
                                     : "far apart");
        counts.PrintRow(name);
      }
    }
  }
}

void PrintRecordedCoverage(const std::map<std::int64_t, std::vector<Trial>>& seeds) {
  constexpr int kSplits = 50;
  Coverages counts;
  for (const auto& [seed, recorded] : seeds) {
    std::vector<const Evaluation*> ends;
    for (const Trial& trial : recorded) {
      const Evaluation& end = trial.curve.back();
      const bool whole = trial.state == search::TrialState::kCompleted && end.sequence_losses.size() >= 16;
      if (whole && (ends.empty() || end.sequence_tokens == ends[0]->sequence_tokens)) ends.push_back(&end);
    }
    if (ends.size() < 2) continue;
    std::vector<std::size_t> order(ends[0]->sequence_losses.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Rng rng(search::TrialSeed(static_cast<std::uint64_t>(seed), 0));
    for (int split = 0; split < kSplits; ++split) {
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.Below(i)]);
      std::vector<Trial> seen;
      std::vector<Evaluation> fresh;
      for (const Evaluation* end : ends) {
        const std::size_t quarter = order.size() / 4;
        seen.push_back({static_cast<std::int64_t>(seen.size()),
                        search::TrialState::kCompleted,
                        {},
                        {Part(*end, order, 0, quarter)}});
        fresh.push_back(Part(*end, order, quarter, order.size()));
      }
      CountSweep(
          seen,
          [&](std::int64_t a, std::int64_t b) {
            return PairedDifference(fresh[static_cast<std::size_t>(a)], fresh[static_cast<std::size_t>(b)]);
          },
          &counts);
    }
  }
  if (counts.pairs.all == 0) return;
  PrintHead("recorded runs");
  counts.PrintRow("a quarter of the sequences against the others");
}

}  // namespace lorasweep::bench
