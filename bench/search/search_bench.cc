// Our samplers and pruners without the rest of lorasweep:
//
//   search_bench play                              samplers and pruners by lines of JSON (play.h); run.py talks to it
//   search_bench replay CURVES SHUFFLES [WORKERS]  recorded curves, replayed to every pruner: tables, see replay.h
//   search_bench coverage                          a table: how often intervals hold (coverage.h)
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/search/coverage.h"
#include "bench/search/play.h"
#include "bench/search/replay.h"

namespace lorasweep::bench {
namespace {

// Ends the program with what went wrong.
[[noreturn]] void Fail(const std::string& text) {
  std::fprintf(stderr, "search_bench: %s\n", text.c_str());
  std::exit(1);
}

int Number(const char* text) {
  int number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < 1) Fail(absl::StrCat(text, " is not a positive number"));
  return number;
}

int Main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  std::string problem;
  if (command == "play" && argc == 2) {
    problem = Play(std::cin, stdout);
  } else if (command == "replay" && (argc == 4 || argc == 5)) {
    problem = Replay(argv[2], Number(argv[3]), argc == 5 ? Number(argv[4]) : 1);
  } else if (command == "coverage" && argc == 2) {
    PrintGeneratedCoverage();
  } else {
    problem = "usage: search_bench play | search_bench replay CURVES SHUFFLES [WORKERS] | search_bench coverage";
  }
  if (!problem.empty()) Fail(problem);
  return 0;
}

}  // namespace
}  // namespace lorasweep::bench

int main(int argc, char** argv) {
  return lorasweep::bench::Main(argc, argv);
}
