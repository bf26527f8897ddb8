#include <set>
#include <string>

#include "tests/e2e/cluster.h"

namespace lorasweep::testing {
namespace {

TEST_CASE("External workers in C++ share a sweep that asks for their label", "[e2e]") {
  const Cluster cluster(/*lease_seconds=*/60);
  WriteFile(cluster.folder() / "bowl.yaml",
            "trainer: external\nmetric: {name: height}\nmethod: random\nparameters:\n  x: {min: -1.0, max: 1.0}\n"
            "  y: {values: [0, 1]}\nlimits: {trials: 12, worker_labels: {site: south}}\n");
  const Finished submitted = cluster.Cli({"submit", cluster.folder() / "bowl.yaml"});
  CHECK(submitted.output.find("bowl waits for an external trainer with site=south") != std::string::npos);
  const std::string program = BinDir() / "external_worker";
  Process elsewhere({program, cluster.address(), "site=north"}, cluster.folder() / "elsewhere.log");
  Process unlabelled({program, cluster.address()}, cluster.folder() / "unlabelled.log");
  Process one({program, cluster.address(), "site=south"}, cluster.folder() / "one.log");
  Process two({program, cluster.address(), "site=south"}, cluster.folder() / "two.log");
  CHECK(cluster.WaitForSweep("sweeps/bowl", v1::Sweep::COMPLETED));
  std::set<std::string> workers;
  for (const v1::Trial& trial : cluster.Trials("sweeps/bowl")) {
    const double x = trial.parameters().at("x").number();
    const auto y = static_cast<double>(trial.parameters().at("y").integer());
    CHECK(trial.value() == Approx((x - 0.3) * (x - 0.3) + (y + 0.1) * (y + 0.1) + 0.1));
    for (const v1::Attempt& attempt : trial.attempts()) workers.insert(attempt.worker());
  }
  CHECK(workers.size() <= 2);
  for (Process* process : {&one, &two, &elsewhere, &unlabelled}) CHECK(process->Wait() == 0);
}

TEST_CASE("The external worker says what is wrong, and ends", "[e2e]") {
  const Finished wrong = RunProgram({BinDir() / "external_worker", "127.0.0.1:1", "south"});
  CHECK(wrong.status == 1);
  CHECK(wrong.output == "external_worker: south is not KEY=VALUE\n");
}

}  // namespace
}  // namespace lorasweep::testing
