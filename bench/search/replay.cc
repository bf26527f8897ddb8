#include "bench/search/replay.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <numeric>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "bench/search/coverage.h"
#include "search/algorithms.h"
#include "search/leaderboard.h"
#include "search/rng.h"
#include "search/simulation.h"

namespace lorasweep::bench {
namespace {

using search::PrunerOptions;
using search::Trial;

struct Named {
  const char* name;
  PrunerOptions options;
};

// Rungs of asha at 4, 12 and 36 of 60 steps; those of paired wait for the warm-up's end and a twentieth, as in a sweep.
std::vector<Named> Pruners(std::int64_t full) {
  const std::vector<std::int64_t> early = {full / 15, full / 5, 3 * full / 5};
  const std::vector<std::int64_t> late = {full / 10, 3 * full / 10, 9 * full / 10};
  const std::int64_t least = full / 15;
  return {{"none", {}},
          {"asha", {.type = "asha", .rung_sequences = early}},
          {"asha, promote", {.type = "asha", .rung_sequences = early, .promote = true}},
          {"asha, 3 brackets", {.type = "asha", .rung_sequences = early, .brackets = 3}},
          {"paired", {.type = "paired", .rung_sequences = late}},
          {"paired, promote", {.type = "paired", .rung_sequences = late, .promote = true}},
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

void PrunerTable(const std::map<std::int64_t, std::vector<Trial>>& seeds, int shuffles, int workers) {
  std::printf(
      "| pruner | cost | best survives | worse by, mean | time with %d workers |\n| --- | --- | --- | --- | --- |\n",
      workers);
  std::int64_t full = 0;
  for (const Trial& trial : seeds.begin()->second) full = std::max(full, trial.curve.back().sequences);
  for (Named& named : Pruners(full)) {
    named.options.full_sequences = full;
    const auto pruner = search::MakePruner(named.options);
    double cost = 0;
    double time = 0;
    double regret = 0;
    int survived = 0;
    int runs = 0;
    for (const auto& [seed, trials] : seeds) {
      const Trial& best = BestOf(trials);
      for (int i = 0; i < shuffles; ++i) {
        const auto order = Shuffled(trials.size(), static_cast<std::uint64_t>(i));
        const search::SimulationResult result = Simulate(trials, order, **pruner, {workers});
        cost += static_cast<double>(result.sequences) / static_cast<double>(result.full);
        time += static_cast<double>(result.makespan) * workers / static_cast<double>(result.full);
        regret += trials[static_cast<std::size_t>(result.best)].curve.back().value - best.curve.back().value;
        survived += result.best == best.number ? 1 : 0;
        ++runs;
      }
    }
    std::printf("| %s | %.1f %% | %.1f %% | %.4f | %.1f %% |\n", named.name, 100 * cost / runs, 100.0 * survived / runs,
                regret / runs, 100 * time / runs);
  }
}

}  // namespace

std::string Replay(const std::string& path, int shuffles, int workers) {
  std::map<std::int64_t, std::vector<Trial>> seeds;
  if (std::string problem = Read(path, &seeds); !problem.empty()) return problem;
  PrunerTable(seeds, shuffles, workers);
  PrintRecordedCoverage(seeds);
  return "";
}

}  // namespace lorasweep::bench
