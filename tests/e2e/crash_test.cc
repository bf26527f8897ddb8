#include <csignal>
#include <map>
#include <set>
#include <utility>

#include "tests/e2e/cluster.h"

namespace lorasweep::testing {
namespace {

constexpr char kSweep[] = R"(
name: crash
model: toy
data: {train: rows.jsonl}
training: {max_steps: 20, batch_size: 4, eval_every: 5, save_every: 5}
method: random
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1.0e-5, max: 1.0e-2}
  lora_rank: {values: [4, 8, 16]}
limits: {trials: 4, parallel: 1}
seed: 7
)";

std::filesystem::path SweepFile(const Cluster& cluster) {
  WriteFile(cluster.folder() / "rows.jsonl", "{}\n");
  WriteFile(cluster.folder() / "sweep.yaml", kSweep);
  return cluster.folder() / "sweep.yaml";
}

Cluster::Curves UndisturbedCurves() {
  Cluster cluster;
  cluster.StartFakeWorker("steady", 1);
  const std::string sweep = cluster.Submit(SweepFile(cluster));
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  return cluster.ValidationCurves(sweep);
}

TEST_CASE("A trial whose worker is killed is finished by another worker with the numbers of an undisturbed run",
          "[e2e]") {
  Cluster cluster;
  Process& first = cluster.StartFakeWorker("first", 40);
  const std::string sweep = cluster.Submit(SweepFile(cluster));
  const std::optional<v1::Trial> interrupted = cluster.WaitForRunningTrial(sweep, 6);
  REQUIRE(interrupted.has_value());
  first.Kill();

  cluster.StartFakeWorker("second", 1);
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));

  const v1::Trial finished = cluster.Trials(sweep).at(static_cast<std::size_t>(interrupted->number()));
  CHECK(finished.state() == v1::Trial::COMPLETED);
  REQUIRE(finished.attempts_size() == 2);
  CHECK(finished.attempts(0).worker() != finished.attempts(1).worker());
  CHECK(finished.attempts(1).start_step() > 0);
  CHECK(cluster.ValidationCurves(sweep) == UndisturbedCurves());
}

TEST_CASE("A server killed with SIGKILL goes on with the sweep after its restart and loses no observation", "[e2e]") {
  Cluster cluster(30);  // a busy machine may take seconds for the way back
  cluster.StartFakeWorker("only", 30);
  const std::string sweep = cluster.Submit(SweepFile(cluster));
  REQUIRE(cluster.WaitForRunningTrial(sweep, 6).has_value());
  cluster.KillServer();
  cluster.StartServer();
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  for (const v1::Trial& trial : cluster.Trials(sweep)) {
    CHECK(trial.state() == v1::Trial::COMPLETED);
    CHECK(trial.attempts_size() == 1);
  }
  CHECK(cluster.ValidationCurves(sweep) == UndisturbedCurves());
}

TEST_CASE("A worker that freezes longer than its lease loses the trial, and its late words change nothing", "[e2e]") {
  Cluster cluster;
  Process& frozen = cluster.StartFakeWorker("frozen", 40);
  const std::string sweep = cluster.Submit(SweepFile(cluster));
  const std::optional<v1::Trial> interrupted = cluster.WaitForRunningTrial(sweep, 6);
  REQUIRE(interrupted.has_value());
  frozen.Signal(SIGSTOP);
  cluster.StartFakeWorker("second", 5);
  REQUIRE(Eventually(
      [&] { return cluster.Trials(sweep).at(static_cast<std::size_t>(interrupted->number())).attempts_size() == 2; }));
  frozen.Signal(SIGCONT);
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  CHECK(cluster.ValidationCurves(sweep) == UndisturbedCurves());
}

TEST_CASE("A worker told to end hands its trial back, and no retry is spent", "[e2e]") {
  Cluster cluster;
  Process& first = cluster.StartFakeWorker("first", 40);
  const std::string sweep = cluster.Submit(SweepFile(cluster));
  const std::optional<v1::Trial> interrupted = cluster.WaitForRunningTrial(sweep, 3);
  REQUIRE(interrupted.has_value());
  first.Signal(SIGTERM);
  CHECK(first.Wait() == 0);
  const v1::Trial returned = cluster.Trials(sweep).at(static_cast<std::size_t>(interrupted->number()));
  CHECK(returned.state() == v1::Trial::QUEUED);
  cluster.StartFakeWorker("second", 1);
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  CHECK(cluster.ValidationCurves(sweep) == UndisturbedCurves());
}

}  // namespace
}  // namespace lorasweep::testing
