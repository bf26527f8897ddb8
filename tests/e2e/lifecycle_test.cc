#include <algorithm>
#include <csignal>
#include <thread>

#include "tests/e2e/cluster.h"

namespace lorasweep::testing {
namespace {

std::filesystem::path SweepFile(const Cluster& cluster, int trials) {
  WriteFile(cluster.folder() / "rows.jsonl", "{}\n");
  WriteFile(cluster.folder() / "sweep.yaml",
            "model: toy\ndata: {train: rows.jsonl}\ntraining: {max_steps: 12, batch_size: 4, eval_every: 3}\n"
            "method: random\nparameters:\n  learning_rate: {min: 1.0e-5, max: 1.0e-2}\nlimits: {trials: " +
                std::to_string(trials) + "}\n");
  return cluster.folder() / "sweep.yaml";
}

int Count(const Cluster& cluster, const std::string& sweep, v1::Trial::State state) {
  int count = 0;
  for (const v1::Trial& trial : cluster.Trials(sweep)) count += trial.state() == state ? 1 : 0;
  return count;
}

TEST_CASE("A sweep submitted to three processes runs to its leaderboard, watched live", "[e2e]") {
  Cluster cluster;
  cluster.StartFakeWorker("worker", 2);
  const std::string sweep = cluster.Submit(SweepFile(cluster, 5));
  const Finished watched = cluster.Cli({"leaderboard", sweep, "--watch"});
  INFO(watched.output);
  CHECK(watched.status == 0);
  CHECK(cluster.GetSweep(sweep).state() == v1::Sweep::COMPLETED);
  CHECK(Count(cluster, sweep, v1::Trial::COMPLETED) == 5);
  const Finished rows = cluster.Cli({"leaderboard", sweep, "--output", "json"});
  CHECK(rows.status == 0);
  CHECK(rows.output.find("\"rank\"") != std::string::npos);
}

TEST_CASE("Four workers at once, a server killed between: the log replays, and the best is repeated", "[e2e]") {
  Cluster cluster;
  for (const char* name : {"a", "b", "c", "d"}) cluster.StartFakeWorker(name, 3);
  WriteFile(cluster.folder() / "rows.jsonl", "{}\n");
  WriteFile(cluster.folder() / "sweep.yaml",
            "model: toy\ndata: {train: rows.jsonl}\ntraining: {max_steps: 12, batch_size: 4, eval_every: 3}\n"
            "method: tpe\nparameters:\n  learning_rate: {min: 1.0e-5, max: 1.0e-2}\n  lora_rank: {values: [4, 8, 16]}\n"
            "early_terminate: {type: paired, min_steps: 3, keep: 1}\nlimits: {trials: 24}\nseed: 9\n"
            "repeats: {top: 2, seeds: 2}\n");
  const std::string sweep = cluster.Submit(cluster.folder() / "sweep.yaml");
  REQUIRE(Eventually([&] { return cluster.Trials(sweep).size() > 8; }));
  cluster.KillServer();
  cluster.StartServer();
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  CHECK(cluster.Trials(sweep).size() == 28);
  const Finished replay = cluster.Cli({"replay", sweep});
  INFO(replay.output);
  CHECK(replay.status == 0);
  CHECK(replay.output.find("24 suggestions and ") == 0);
  CHECK(replay.output.find(" came out as they were logged") != std::string::npos);
  const Finished board = cluster.Cli({"leaderboard", sweep});
  INFO(board.output);
  CHECK(board.output.find("trained 3 times with different seeds") != std::string::npos);
}

TEST_CASE("pause proposes no new trials, and resume goes on", "[e2e]") {
  Cluster cluster;
  cluster.StartFakeWorker("worker", 20);
  const std::string sweep = cluster.Submit(SweepFile(cluster, 6));
  REQUIRE(cluster.WaitForRunningTrial(sweep, 1).has_value());
  CHECK(cluster.Cli({"pause", sweep}).status == 0);
  REQUIRE(Eventually([&] { return Count(cluster, sweep, v1::Trial::RUNNING) == 0; }));
  const std::size_t proposed = cluster.Trials(sweep).size();
  CHECK(proposed < 6);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK(cluster.Trials(sweep).size() == proposed);
  CHECK(cluster.Cli({"resume", sweep}).status == 0);
  CHECK(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  CHECK(cluster.Trials(sweep).size() == 6);
}

TEST_CASE("stop drains: the running trial ends as it should and the sweep is completed", "[e2e]") {
  Cluster cluster;
  cluster.StartFakeWorker("worker", 20);
  const std::string sweep = cluster.Submit(SweepFile(cluster, 50));
  REQUIRE(cluster.WaitForRunningTrial(sweep, 1).has_value());
  CHECK(cluster.Cli({"stop", sweep}).status == 0);
  CHECK(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  CHECK(Count(cluster, sweep, v1::Trial::COMPLETED) == static_cast<int>(cluster.Trials(sweep).size()));
  CHECK(cluster.Trials(sweep).size() < 50);
}

TEST_CASE("cancel ends running trials at once, and a cancelled sweep can be deleted", "[e2e]") {
  Cluster cluster;
  cluster.StartFakeWorker("worker", 100);
  const std::string sweep = cluster.Submit(SweepFile(cluster, 50));
  REQUIRE(cluster.WaitForRunningTrial(sweep, 1).has_value());
  CHECK(cluster.Cli({"delete", sweep}).status == 1);  // it still runs
  CHECK(cluster.Cli({"cancel", sweep}).status == 0);
  CHECK(cluster.GetSweep(sweep).state() == v1::Sweep::CANCELLED);
  CHECK(Eventually([&] { return Count(cluster, sweep, v1::Trial::RUNNING) == 0; }));
  CHECK(Count(cluster, sweep, v1::Trial::CANCELLED) >= 1);
  CHECK(cluster.Cli({"resume", sweep}).status == 1);
  CHECK(cluster.Cli({"delete", sweep}).status == 0);
  CHECK(cluster.Cli({"show", sweep}).status == 1);
}

TEST_CASE("Without a server the client says so with exit code 3", "[e2e]") {
  const Finished finished = RunProgram({BinDir() / "lorasweep", "--server", "127.0.0.1:1", "list"});
  CHECK(finished.status == 3);
  CHECK(finished.output.find("127.0.0.1:1") != std::string::npos);
}

TEST_CASE("A trial is stopped, tried again and cloned with another value from a terminal", "[e2e]") {
  Cluster cluster;
  cluster.StartFakeWorker("worker", 100);  // slow enough to be stopped before its last step
  const std::string sweep = cluster.Submit(SweepFile(cluster, 1));
  const std::string trial = sweep + "/trials/0";
  REQUIRE(cluster.WaitForRunningTrial(sweep, 1).has_value());
  const Finished stopped = cluster.Cli({"trial", "stop", trial});
  INFO(stopped.output);
  CHECK(stopped.status == 0);
  CHECK(stopped.output.find("stops at its worker's next report") != std::string::npos);
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  const v1::Trial ended = cluster.Trials(sweep)[0];
  CHECK(ended.state() == v1::Trial::CANCELLED);
  CHECK(ended.outcome_reason() == "stopped by a person");
  CHECK(ended.step() < 12);
  CHECK(std::any_of(ended.artifacts().begin(), ended.artifacts().end(),
                    [](const v1::Artifact& artifact) { return artifact.kind() == "adapter"; }));

  const Finished retried = cluster.Cli({"trial", "retry", trial});
  INFO(retried.output);
  CHECK(retried.status == 0);
  CHECK(retried.output.find("waits for attempt 2") != std::string::npos);
  REQUIRE(Eventually([&] { return Count(cluster, sweep, v1::Trial::COMPLETED) == 1; }));
  CHECK(cluster.Cli({"trial", "retry", trial}).status == 1);

  const Finished cloned = cluster.Cli({"trial", "clone", trial, "--set", "learning_rate=2e-3", "--output", "json"});
  INFO(cloned.output);
  CHECK(cloned.status == 0);
  CHECK(cloned.output.find("\"number\": 0.002") != std::string::npos);
  const Finished wrong = cluster.Cli({"enqueue", sweep, "--set", "learning_rate=5"});
  INFO(wrong.output);
  CHECK(wrong.status == 2);
  CHECK(wrong.output.find("parameter learning_rate: 5 is not a number in [1e-05, 0.01]") != std::string::npos);
  REQUIRE(Eventually([&] { return Count(cluster, sweep, v1::Trial::COMPLETED) == 2; }));

  // From the adapter of the second, which a real worker brings to the third.
  const Finished warm = cluster.Cli({"trial", "clone", sweep + "/1", "--warm-start"});
  INFO(warm.output);
  CHECK(warm.status == 0);
  REQUIRE(Eventually([&] { return Count(cluster, sweep, v1::Trial::COMPLETED) == 3; }));
  const std::vector<v1::Trial> trials = cluster.Trials(sweep);
  CHECK(trials[2].warm_start_of() == 1);
  CHECK(trials[2].value() < trials[1].value());
  CHECK(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  CHECK(cluster.Cli({"replay", sweep}).status == 0);
}

TEST_CASE("Notes, tags and limits are written in a terminal, and sweeps are compared there", "[e2e]") {
  Cluster cluster;
  const std::string one = cluster.Submit(SweepFile(cluster, 2));
  const std::string two = cluster.Submit(SweepFile(cluster, 3));
  CHECK(cluster.Cli({"update", two, "limits.trials=4", "priority=2"}).output.find("limits.trials 4") !=
        std::string::npos);
  CHECK(cluster.Cli({"update", two, "limits.retries=4"}).status == 2);
  cluster.StartFakeWorker("worker", 1);
  REQUIRE(cluster.WaitForSweep(one, v1::Sweep::COMPLETED));
  REQUIRE(cluster.WaitForSweep(two, v1::Sweep::COMPLETED));
  CHECK(Count(cluster, two, v1::Trial::COMPLETED) == 4);
  CHECK(cluster.Cli({"tag", one, "left", "pair"}).output == "left\npair\n");
  CHECK(cluster.Cli({"tag", two, "pair"}).status == 0);
  CHECK(cluster.Cli({"tag", one, "--remove", "left"}).output == "pair\n");
  CHECK(cluster.Cli({"list", "--tag", "pair", "--output", "csv"}).output.find(",pair,") != std::string::npos);
  CHECK(cluster.Cli({"list", "--tag", "left"}).output.find("No sweep has this tag") != std::string::npos);
  CHECK(cluster.Cli({"note", one, "the first\nof two"}).status == 0);
  CHECK(cluster.Cli({"note", one}).output == "the first\nof two\n");
  CHECK(cluster.Cli({"note", one + "/trials/0", "a trial's"}).status == 0);
  CHECK(cluster.Cli({"show", one + "/trials/0"}).output.find("a trial's") != std::string::npos);
  const Finished compared = cluster.Cli({"compare", one, two});
  INFO(compared.output);
  CHECK(compared.status == 0);
  for (const char* part : {"to the first", "best so far, after steps", "limits.trials", "limits.priority"}) {
    INFO(part);
    CHECK(compared.output.find(part) != std::string::npos);
  }
  CHECK(compared.output.find("do not compare") == std::string::npos);
  CHECK(cluster.Cli({"compare", one, two, "--output", "json"}).output.find("\"difference_stderr\"") !=
        std::string::npos);
  CHECK(cluster.Cli({"compare", one}).status == 2);
}

}  // namespace
}  // namespace lorasweep::testing
