#include "bench/search/replay.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "bench/search/coverage.h"
#include "search/algorithms.h"
#include "search/evaluations.h"
#include "search/leaderboard.h"
#include "search/rng.h"
#include "search/simulation.h"

namespace lorasweep::bench {
namespace {

using search::Evaluation;
using search::PrunerOptions;
using search::SimulationResult;
using search::Trial;

struct Named {
  const char* name;
  PrunerOptions options;
};

// Rungs of asha at 4, 12 and 36 of 60 steps; those that paired has by itself wait for the warm-up's end and a
// twentieth.
std::vector<Named> Pruners(std::int64_t full) {
  const std::vector<std::int64_t> early = {full / 15, full / 5, 3 * full / 5};
  const std::vector<std::int64_t> late = {full / 10, 3 * full / 10, 9 * full / 10};
  const std::int64_t least = full / 15;
  return {{"none", {}},
          {"asha", {.type = "asha", .rung_sequences = early}},
          {"asha, promote", {.type = "asha", .rung_sequences = early, .promote = true}},
          {"asha, 3 brackets", {.type = "asha", .rung_sequences = early, .brackets = 3}},
          {"asha, promote, eta 4", {.type = "asha", .rung_sequences = early, .eta = 4, .promote = true}},
          {"paired", {.type = "paired", .rung_sequences = late}},
          {"paired, promote", {.type = "paired", .rung_sequences = late, .promote = true}},
          {"paired, asha's rungs", {.type = "paired", .rung_sequences = early}},
          {"paired, asha's rungs, promote", {.type = "paired", .rung_sequences = early, .promote = true}},
          {"pasha", {.type = "pasha", .rung_sequences = late}},
          {"median", {.type = "median", .min_sequences = least}},
          {"percentile 25", {.type = "percentile", .min_sequences = least, .percentile = 25}},
          {"extrapolation", {.type = "extrapolation", .min_sequences = least}}};
}

// The trials of each seed. InvalidArgument-like text on a file that is not as record_curves.py writes it.
std::string Read(const std::string& path, std::map<std::int64_t, std::vector<Trial>>* seeds) {
  std::ifstream file(path);
  if (!file) return absl::StrCat(path, " cannot be read");
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    try {
      const nlohmann::json row = nlohmann::json::parse(line);
      std::vector<Trial>& trials = (*seeds)[row.at("seed")];
      Trial trial{static_cast<std::int64_t>(trials.size()), search::TrialState::kCompleted, {}, {}};
      trial.params["x"] = trial.number;
      if (row.at("state") == 6) trial.state = search::TrialState::kInfeasible;
      for (const nlohmann::json& point : row.at("curve")) {
        trial.curve.push_back({point.at("step"), point.at("sequences"), point.at("value"),
                               point.at("losses").get<std::vector<float>>(),
                               point.at("tokens").get<std::vector<std::int32_t>>()});
      }
      if (!trial.curve.empty()) trials.push_back(std::move(trial));
    } catch (const nlohmann::json::exception& error) {
      return absl::StrCat(path, ":", number, ": ", error.what());
    }
  }
  return seeds->empty() ? absl::StrCat(path, " has no curves") : "";
}

std::vector<std::size_t> Shuffled(std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  search::Rng rng(seed);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[rng.Below(i)]);
  return order;
}

const Trial& BestOf(const std::vector<Trial>& trials) {
  const search::Space space;
  return trials[static_cast<std::size_t>(search::Rank({space, trials}).front().trial)];
}

// A trial's loss once it has seen so many sequences; that of one that ended before is worse than any.
double ValueAt(const Trial& trial, std::int64_t sequences) {
  const Evaluation* evaluation = search::FirstAtOrAfter(trial, sequences);
  return evaluation == nullptr ? std::numeric_limits<double>::infinity() : search::FiniteOrWorst(evaluation->value);
}

// Successive halving as it was first (Jamieson and Talwalkar 2016): all trials train to a rung before the best third of
// them goes on, so the order in which they begin changes nothing. By one worker; `rungs` end with the full length.
SimulationResult HalveTogether(const std::vector<Trial>& trials, const std::vector<std::int64_t>& rungs) {
  SimulationResult result;
  std::vector<std::size_t> left(trials.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  for (const std::int64_t rung : rungs) {
    std::sort(left.begin(), left.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(ValueAt(trials[a], rung), a) < std::pair(ValueAt(trials[b], rung), b);
    });
    result.best = static_cast<std::int64_t>(left[0]);
    const std::size_t kept = rung == rungs.back() ? 0 : std::max<std::size_t>(left.size() / 3, 1);
    for (std::size_t i = kept; i < left.size(); ++i) {
      result.sequences += std::min(rung, trials[left[i]].curve.back().sequences);
    }
    left.resize(kept);
  }
  for (const Trial& trial : trials) result.full += trial.curve.back().sequences;
  result.makespan = result.sequences;
  return result;
}

// What runs of one pruner came to.
struct Tally {
  double cost = 0;
  double time = 0;
  double regret = 0;
  int survived = 0;
  int as_good = 0;  // what came out first is within two standard errors of the best
  int runs = 0;

  void Count(const std::vector<Trial>& trials, const Trial& best, const SimulationResult& result, int workers) {
    const Evaluation& first = trials[static_cast<std::size_t>(result.best)].curve.back();
    const search::Estimate gap = PairedDifference(first, best.curve.back());
    cost += static_cast<double>(result.sequences) / static_cast<double>(result.full);
    time += static_cast<double>(result.makespan) * workers / static_cast<double>(result.full);
    regret += gap.value;
    survived += result.best == best.number ? 1 : 0;
    as_good += gap.value <= 2 * gap.stderr_ ? 1 : 0;
    ++runs;
  }
  void PrintRow(const char* name) const {
    std::printf("| %s | %.1f %% | %.1f %% | %.1f %% | %.4f | %.1f %% |\n", name, 100 * cost / runs,
                100.0 * survived / runs, 100.0 * as_good / runs, regret / runs, 100 * time / runs);
  }
};

void PrunerTable(const std::map<std::int64_t, std::vector<Trial>>& seeds, int shuffles, int workers) {
  std::printf(
      "| pruner | cost | best survives | one as good does | worse by, mean | time with %d workers |\n"
      "| --- | --- | --- | --- | --- | --- |\n",
      workers);
  std::int64_t full = 0;
  for (const Trial& trial : seeds.begin()->second) full = std::max(full, trial.curve.back().sequences);
  for (Named& named : Pruners(full)) {
    named.options.full_sequences = full;
    const auto pruner = search::MakePruner(named.options);
    Tally tally;
    for (const auto& [seed, trials] : seeds) {
      const Trial& best = BestOf(trials);
      for (int i = 0; i < shuffles; ++i) {
        const auto order = Shuffled(trials.size(), static_cast<std::uint64_t>(i));
        tally.Count(trials, best, Simulate(trials, order, **pruner, {workers}), workers);
      }
    }
    tally.PrintRow(named.name);
  }
  Tally halving;
  for (const auto& [seed, trials] : seeds) {
    halving.Count(trials, BestOf(trials), HalveTogether(trials, {full / 15, full / 5, 3 * full / 5, full}), 1);
  }
  halving.PrintRow("successive halving, one worker");
}

// How far the losses at each evaluation tell which trial ends best: its place there among all.
void PlaceTable(const std::map<std::int64_t, std::vector<Trial>>& seeds) {
  std::printf("\n| seed | share of training: place of the trial that ends best |\n| --- | --- |\n");
  for (const auto& [seed, trials] : seeds) {
    const Trial& best = BestOf(trials);
    const auto full = static_cast<double>(best.curve.back().sequences);
    std::printf("| %d |", static_cast<int>(seed));
    for (const Evaluation& evaluation : best.curve) {
      if (evaluation.step == 0) continue;
      const auto place = 1 + std::count_if(trials.begin(), trials.end(), [&](const Trial& other) {
                           return ValueAt(other, evaluation.sequences) < evaluation.value;
                         });
      std::printf(" %.0f %%: %d;", 100 * static_cast<double>(evaluation.sequences) / full, static_cast<int>(place));
    }
    std::printf(" of %d |\n", static_cast<int>(trials.size()));
  }
}

}  // namespace

std::string Replay(const std::string& path, int shuffles, int workers) {
  std::map<std::int64_t, std::vector<Trial>> seeds;
  if (std::string problem = Read(path, &seeds); !problem.empty()) return problem;
  PrunerTable(seeds, shuffles, workers);
  PlaceTable(seeds);
  PrintRecordedCoverage(seeds);
  return "";
}

}  // namespace lorasweep::bench
