#include <string>

#include "tests/e2e/guarded_server.h"

namespace lorasweep::testing {
namespace {

TEST_CASE("A sweep runs over TLS with a token and a worker's certificate, and strangers are told what is missing") {
  const GuardedServer guarded;
  WriteFile(guarded.file("rows.jsonl"), "{}\n");
  WriteFile(guarded.file("sweep.yaml"),
            "model: toy\ndata: {train: rows.jsonl}\ntraining: {max_steps: 6, batch_size: 4, eval_every: 3}\n"
            "method: random\nparameters:\n  learning_rate: {min: 1.0e-5, max: 1.0e-2}\nlimits: {trials: 2}\n");
  const std::string ca = "LORASWEEP_TLS_CA=" + guarded.file("ca.pem");
  const std::string submit = "LORASWEEP_TOKEN_FILE=" + guarded.file("submit.token");
  const std::string view = "LORASWEEP_TOKEN_FILE=" + guarded.file("view.token");
  const auto says = [](const Finished& finished, int status, const std::string& text) {
    INFO(finished.output);
    CHECK(finished.status == status);
    CHECK(finished.output.find(text) != std::string::npos);
  };
  says(guarded.Cli({"submit", guarded.file("sweep.yaml")}, {ca, view}), 1, "needs the role submit");
  says(guarded.Cli({"list"}, {ca}), 1, "asks for a token");
  says(guarded.Cli({"list"}, {"LORASWEEP_TLS_CA=" + guarded.file("workers.pem"), view}), 3, "no TLS connection");
  says(guarded.Cli({"list"}, {"LORASWEEP_TLS_CA=" + guarded.file("none.pem")}), 2, "none.pem cannot be read");
  says(guarded.Cli({"submit", guarded.file("sweep.yaml")}, {ca, submit}), 0, "sweeps/");

  Process worker({BinDir() / "fake_worker", "--server", guarded.address(), "--name", "seven", "--tls-ca",
                  guarded.file("ca.pem"), "--tls-certificate", guarded.file("worker.crt"), "--tls-key",
                  guarded.file("worker.key"), "--root", guarded.folder()},
                 guarded.file("worker.log"));
  says(guarded.Cli({"leaderboard", "sweep", "--watch", "--tls-ca", guarded.file("ca.pem"), "--token-file",
                    guarded.file("view.token")},
                   {}),
       0, "loss ± se");
  Process stranger({BinDir() / "fake_worker", "--server", guarded.address(), "--tls-ca", guarded.file("ca.pem"),
                    "--token-file", guarded.file("submit.token")},
                   guarded.file("stranger.log"));
  CHECK(stranger.Wait() == 1);
  CHECK(stranger.Output().find("client certificate") != std::string::npos);

  const std::string token = ReadFile(guarded.file("submit.token")).substr(4, 60);
  for (const char* name : {"server.log", "worker.log", "stranger.log", "state/audit.log"}) {
    INFO(name);
    CHECK(ReadFile(guarded.file(name)).find(token) == std::string::npos);
  }
}

}  // namespace
}  // namespace lorasweep::testing
