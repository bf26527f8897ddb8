#include <csignal>
#include <string>
#include <vector>

#include "tests/e2e/cluster.h"

namespace lorasweep::testing {
namespace {

namespace fs = std::filesystem;

TEST_CASE("pandas, TensorBoard, Optuna, its dashboard, MLflow and W&B open what export writes", "[python]") {
  LORASWEEP_NEEDS(PeerPython());
  Cluster cluster;
  cluster.StartFakeWorker("w", 0);
  WriteFile(cluster.folder() / "rows.jsonl", "{}\n");
  WriteFile(cluster.folder() / "doors.yaml",
            "name: doors\nmodel: toy\ndata: {train: rows.jsonl}\n"
            "training: {max_steps: 20, eval_every: 5, save_every: 0}\n"
            "metric: {objectives: {eval/exact_match: maximize}}\nmethod: random\n"
            "parameters:\n"
            "  learning_rate: {distribution: log_uniform_values, min: 1.0e-4, max: 1.0e-2}\n"
            "  lora_rank: {values: [4, 8, 16]}\n"
            "  lora_dropout: {distribution: categorical, values: [0, 0.1]}\n"
            "  micro_batch_size: {min: 1, max: 4}\n"
            "  weight_decay: {distribution: normal, mu: 1, sigma: 0.1}\n"
            "  lora_alpha: {expression: 2 * lora_rank}\n"
            "limits: {trials: 5}\n");
  const std::string sweep = cluster.Submit(cluster.folder() / "doors.yaml");
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  for (const v1::Trial& trial : cluster.Trials(sweep)) cluster.Record(trial.name(), "eval/exact_match", 0.5);

  const fs::path out = cluster.folder() / "out";
  fs::create_directories(out);
  const auto write = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"export", sweep});
    const Finished done = cluster.Cli(words);
    INFO(done.output);
    CHECK(done.status == 0);
  };
  for (const std::string format : {"csv", "json", "parquet"}) {
    write({"--format", format, "--out", out / ("trials." + format)});
    write({"--format", format, "--what", "observations", "--out", out / ("observations." + format)});
  }
  write({"--format", "tensorboard", "--out", out / "runs"});
  // An ended sweep is written whole, then the watch ends by itself.
  write({"--format", "tensorboard", "--watch", "--out", out / "live"});
  write({"--format", "optuna", "--out", out / "optuna.log"});
  write({"--format", "wandb", "--out", out / "wandb"});
  CHECK(cluster.Cli({"export", sweep, "--out", out}).status == 2);
  CHECK(cluster.Cli({"export", sweep, "--format", "mlflow", "--out", "127.0.0.1:1"}).status == 2);

  const Finished opened = RunProgram(
      {PeerPython(), SourceDir() / "tests/clients/doors_test.py", out, BinDir() / "lorasweep", cluster.address()},
      {"PYTHONDONTWRITEBYTECODE=1"}, std::chrono::seconds(300));
  INFO(opened.output);
  CHECK(opened.status == 0);
}

TEST_CASE("Events for TensorBoard are there within seconds while a sweep runs") {
  Cluster cluster;
  cluster.StartFakeWorker("w", 50);
  WriteFile(cluster.folder() / "rows.jsonl", "{}\n");
  WriteFile(cluster.folder() / "slow.yaml",
            "name: slow\nmodel: toy\ndata: {train: rows.jsonl}\ntraining: {max_steps: 10000, eval_every: 2}\n"
            "method: random\nparameters: {lora_dropout: {min: 0.0, max: 0.1}}\nlimits: {trials: 1}\n");
  const std::string sweep = cluster.Submit(cluster.folder() / "slow.yaml");
  Process watch({BinDir() / "lorasweep", "--server", cluster.address(), "export", sweep, "--format", "tensorboard",
                 "--watch", "--out", cluster.folder() / "live"},
                cluster.folder() / "watch.txt");
  const auto written = [&] {
    std::uintmax_t bytes = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator at(cluster.folder() / "live", error), end; !error && at != end;
         at.increment(error)) {
      if (at->is_regular_file(error)) bytes += at->file_size(error);
    }
    return bytes;
  };
  REQUIRE(Eventually([&] { return written() > 200; }));
  const std::uintmax_t before = written();
  CHECK(Eventually([&] { return written() > before + 200; }));
  CHECK(cluster.GetSweep(sweep).state() == v1::Sweep::RUNNING);
  CHECK(cluster.Cli({"cancel", sweep}).status == 0);
  CHECK(watch.Wait() == 0);
}

}  // namespace
}  // namespace lorasweep::testing
