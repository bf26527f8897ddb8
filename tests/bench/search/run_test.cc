#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::testing {
namespace {

using nlohmann::json;

std::vector<json> RunPy(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {PeerPython().string(), "-B", (SourceDir() / "bench" / "search" / "run.py").string()});
  const Finished run = RunProgram(std::move(arguments));
  INFO(run.output);
  REQUIRE(run.status == 0);
  std::vector<json> rows;
  std::istringstream lines(run.output);
  for (std::string line; std::getline(lines, line);) rows.push_back(json::parse(line));
  return rows;
}

TEST_CASE("The search benchmark runs our samplers and Optuna's on one problem, from Python", "[python]") {
  LORASWEEP_NEEDS(PeerPython());
  const std::vector<json> rows = RunPy({"run", "gp,optuna-random", "lora_noisy,hartmann6_mixed", "12", "2", "0", "4"});
  REQUIRE(rows.size() == 8);
  for (const json& row : rows) {
    CHECK(row["curve"].size() == 12);
    CHECK(row["curve"][11] >= 0);
  }
  CHECK(rows[0]["method"] == "gp");
  CHECK(rows[0]["curve"] != rows[4]["curve"]);  // another seed
}

TEST_CASE("The search benchmark prunes trials that report a multi-fidelity function step by step", "[python]") {
  LORASWEEP_NEEDS(PeerPython());
  const std::vector<json> rows =
      RunPy({"multi-fidelity", "random+asha,random+none,optuna-random+hyperband", "mf_hartmann3", "6", "1"});
  REQUIRE(rows.size() == 3);
  for (const json& row : rows) CHECK(row["curve"].size() == 6);
  // The same first points; what is pruned makes room for others.
  CHECK(rows[0]["trials"] > rows[1]["trials"]);
  CHECK(rows[1]["trials"] == 6);
}

}  // namespace
}  // namespace lorasweep::testing
