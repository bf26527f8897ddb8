// Runs our samplers on closed forms, measures how long they take to suggest, or replays recorded curves to our pruners.
//
//   search_bench run METHODS PROBLEMS BUDGET SEEDS [BATCH]   a JSON line a run: problem, method, seed, regret so far
//   search_bench ask METHODS TRIALS                          median time of a suggestion after that many trials
//   search_bench replay CURVES SHUFFLES [WORKERS]            tables: see replay.h
//   search_bench coverage                                    a table: how often intervals hold (coverage.h)
//
// METHODS and PROBLEMS are comma-separated; "all" takes every problem. With BATCH > 1 that many trials run at once.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/search/coverage.h"
#include "bench/search/problems.h"
#include "bench/search/replay.h"
#include "search/algorithms.h"
#include "search/random_sampler.h"

namespace lorasweep::bench {
namespace {

using search::Trial;
using search::TrialState;

// Ends the program with what went wrong.
[[noreturn]] void Fail(const std::string& text) {
  std::fprintf(stderr, "search_bench: %s\n", text.c_str());
  std::exit(1);
}

search::Params Ask(const search::Sampler& sampler, const search::SweepView& view, std::uint64_t seed) {
  const auto proposal = sampler.Suggest(view, search::TrialSeed(seed, static_cast<std::int64_t>(view.trials.size())));
  if (!proposal.ok()) Fail(std::string{proposal.status().message()});
  if (!std::holds_alternative<search::Suggestion>(*proposal)) Fail("no suggestion");
  return std::get<search::Suggestion>(*proposal).params;
}

Trial Finished(std::int64_t number, search::Params params, double value) {
  return {number, TrialState::kCompleted, std::move(params), {{1, 8, value, {}, {}}}};
}

// The best trial is the one that looked best; what counts is its value without noise.
void Run(const std::string& method, const Problem& problem, int budget, std::uint64_t seed, int batch) {
  const auto sampler = search::MakeSampler({.method = method, .seed = seed, .trials = budget});
  if (!sampler.ok()) Fail(std::string{sampler.status().message()});
  search::Rng noise(search::TrialSeed(seed, -1));
  std::vector<Trial> trials;
  std::vector<std::string> curve;
  double best_seen = std::numeric_limits<double>::infinity();
  double regret = best_seen;
  while (static_cast<int>(trials.size()) < budget) {
    const std::size_t first = trials.size();
    for (int i = 0; i < batch && static_cast<int>(trials.size()) < budget; ++i) {
      search::Params params = Ask(**sampler, {problem.space, trials}, seed);
      trials.push_back({static_cast<std::int64_t>(trials.size()), TrialState::kRunning, std::move(params), {}});
    }
    for (std::size_t i = first; i < trials.size(); ++i) {
      const double value = problem.observe(trials[i].params, &noise);
      if (value < best_seen) {
        best_seen = value;
        regret = problem.regret(trials[i].params);
      }
      trials[i] = Finished(trials[i].number, std::move(trials[i].params), value);
      curve.push_back(absl::StrCat(regret));
    }
  }
  std::printf("{\"problem\":\"%s\",\"method\":\"%s\",\"seed\":%llu,\"curve\":[%s]}\n", problem.name.c_str(),
              method.c_str(), static_cast<unsigned long long>(seed), absl::StrJoin(curve, ",").c_str());
  std::fflush(stdout);
}

// Six parameters as LoRA sweeps have them, after `count` random trials.
void AskTime(const std::string& method, int count) {
  const std::vector<Problem> problems = AllProblems();
  const auto problem =
      std::find_if(problems.begin(), problems.end(), [](const Problem& p) { return p.name == "lora"; });
  const auto sampler = search::MakeSampler({.method = method, .seed = 1, .trials = count + 1});
  if (!sampler.ok()) Fail(std::string{sampler.status().message()});
  std::vector<Trial> trials;
  for (int i = 0; i < count; ++i) {
    search::Params params = Ask(search::RandomSampler(), {problem->space, {}}, search::TrialSeed(2, i));
    const double value = problem->regret(params);
    trials.push_back(Finished(i, std::move(params), value));
  }
  std::vector<double> milliseconds;
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    const auto start = std::chrono::steady_clock::now();
    Ask(**sampler, {problem->space, trials}, seed);
    milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("%-8s %6d trials  median %8.2f ms  shortest %8.2f ms\n", method.c_str(), count, milliseconds[7],
              milliseconds[0]);
}

int Number(const char* text) {
  const int number = std::atoi(text);
  if (number < 1) Fail(absl::StrCat(text, " is not a positive number"));
  return number;
}

int Main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "ask" && argc == 4) {
    for (const auto method : absl::StrSplit(argv[2], ',')) AskTime(std::string(method), Number(argv[3]));
    return 0;
  }
  if (command == "replay" && (argc == 4 || argc == 5)) {
    const std::string problem = Replay(argv[2], Number(argv[3]), argc == 5 ? Number(argv[4]) : 1);
    if (!problem.empty()) Fail(problem);
    return 0;
  }
  if (command == "coverage" && argc == 2) {
    PrintGeneratedCoverage();
    return 0;
  }
  if (command != "run" || argc < 6 || argc > 7) {
    Fail(
        "usage: search_bench run METHODS PROBLEMS BUDGET SEEDS [BATCH] | search_bench ask METHODS TRIALS | "
        "search_bench replay CURVES SHUFFLES [WORKERS] | search_bench coverage");
  }
  const std::vector<std::string> wanted = absl::StrSplit(argv[3], ',');
  for (const Problem& problem : AllProblems()) {
    if (wanted[0] != "all" && std::find(wanted.begin(), wanted.end(), problem.name) == wanted.end()) continue;
    for (const auto method : absl::StrSplit(argv[2], ',')) {
      for (int seed = 0; seed < Number(argv[5]); ++seed) {
        Run(std::string(method), problem, Number(argv[4]), static_cast<std::uint64_t>(seed),
            argc == 7 ? Number(argv[6]) : 1);
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace lorasweep::bench

int main(int argc, char** argv) {
  return lorasweep::bench::Main(argc, argv);
}
