#include <string>
#include <vector>

#include "tests/e2e/cluster.h"
#include "tests/e2e/guarded_server.h"

namespace lorasweep::testing {
namespace {

// The Python package, built as pip builds it, and programs that use it.
struct Python {
  Python() {
    const Finished built =
        RunProgram({"/bin/sh", "-c", "cd \"$0\" && exec \"$1\" setup.py -q build_py --build-lib \"$2\"",
                    SourceDir() / "clients" / "python", PeerPython(), folder.path()},
                   {"PYTHONDONTWRITEBYTECODE=1"});
    INFO(built.output);
    REQUIRE(built.status == 0);
  }
  std::vector<std::string> Words(const std::filesystem::path& script, const std::string& address) const {
    return {PeerPython(), SourceDir() / script, address};
  }
  std::vector<std::string> Environment() const {
    return {"PYTHONPATH=" + folder.path().string(), "PYTHONDONTWRITEBYTECODE=1"};
  }

  TempDir folder;
};

TEST_CASE("The Python client submits, asks, tells and ranks", "[python]") {
  LORASWEEP_NEEDS(PeerPython());
  const Python python;
  const Cluster cluster(/*lease_seconds=*/1);
  const Finished done =
      RunProgram(python.Words("tests/clients/python_client_test.py", cluster.address()), python.Environment());
  INFO(done.output);
  CHECK(done.status == 0);
}

TEST_CASE("The Python client speaks TLS, and takes its token and certificate from the environment", "[python]") {
  LORASWEEP_NEEDS(PeerPython());
  const Python python;
  const GuardedServer guarded;
  std::vector<std::string> environment = python.Environment();
  environment.push_back("LORASWEEP_SERVER=" + guarded.address());
  environment.push_back("LORASWEEP_TLS_CA=" + guarded.file("ca.pem"));
  environment.push_back("LORASWEEP_TOKEN_FILE=" + guarded.file("submit.token"));
  environment.push_back("LORASWEEP_TLS_CERTIFICATE=" + guarded.file("worker.crt"));
  environment.push_back("LORASWEEP_TLS_KEY=" + guarded.file("worker.key"));
  const Finished done = RunProgram(
      {PeerPython(), "-c",
       "import lorasweep\n"
       "client = lorasweep.Client()\n"
       "sweep = client.submit({'trainer': 'external', 'metric': {'name': 'score'}, 'limits': {'trials': 1},\n"
       "                       'parameters': {'x': {'min': 0.0, 'max': 1.0}}})\n"
       "with client.worker('seven') as worker:\n"
       "    worker.ask().tell(0.5)\n"
       "print(client.leaderboard(sweep).to_csv())\n"},
      environment);
  INFO(done.output);
  CHECK(done.status == 0);
  CHECK(done.output.find("COMPLETED,0.5,") != std::string::npos);
}

TEST_CASE("The example tunes a scikit-learn model through the server", "[python]") {
  LORASWEEP_NEEDS(PeerPython());
  const Python python;
  const Cluster cluster(/*lease_seconds=*/60);
  const Finished done = RunProgram(python.Words("examples/sklearn_tuning.py", cluster.address()), python.Environment());
  INFO(done.output);
  CHECK(done.status == 0);
  const v1::Sweep sweep = cluster.GetSweep("sweeps/digits");
  CHECK(sweep.state() == v1::Sweep::COMPLETED);
  CHECK(sweep.best_value() > 0.93);
  CHECK(sweep.trial_counts().pruned() > 0);
  CHECK(sweep.trial_counts().completed() + sweep.trial_counts().pruned() == 24);
  CHECK(done.output.find("parameters.alpha") != std::string::npos);
}

TEST_CASE("Two external workers on bare gRPC share a sweep", "[python]") {
  LORASWEEP_NEEDS(PeerPython());
  const Python python;
  const Cluster cluster(/*lease_seconds=*/60);
  WriteFile(cluster.folder() / "bowl.yaml",
            "trainer: external\nmetric: {name: height}\nmethod: random\nparameters:\n  x: {min: -1.0, max: 1.0}\n"
            "  y: {min: -1.0, max: 1.0}\nlimits: {trials: 12}\n");
  const std::string sweep = cluster.Submit(cluster.folder() / "bowl.yaml");
  const std::vector<std::string> words = python.Words("examples/external_worker.py", cluster.address());
  Process one(words, cluster.folder() / "one.log", python.Environment());
  Process two(words, cluster.folder() / "two.log", python.Environment());
  CHECK(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  for (Process* process : {&one, &two}) {
    CHECK(process->Wait() == 0);
    INFO(process->Output());
  }
  for (const v1::Trial& trial : cluster.Trials(sweep)) {
    const double x = trial.parameters().at("x").number();
    const double y = trial.parameters().at("y").number();
    CHECK(trial.step() == 10);
    CHECK(trial.value() == Approx((x - 0.3) * (x - 0.3) + (y + 0.1) * (y + 0.1) + 0.1));
  }
}

}  // namespace
}  // namespace lorasweep::testing
