#include <csignal>
#include <fstream>

#include "tests/e2e/cluster.h"
#include "tests/support/tiny_model.h"

// Real workers that have different files under one model's name.
namespace lorasweep::testing {
namespace {

constexpr char kSweep[] = R"(
model: tiny-chat
data: {train: rows.jsonl, validation: 8, max_length: 128}
training: {max_steps: 120, batch_size: 4, eval_every: 20, precision: fp32}
method: random
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1.0e-4, max: 3.0e-3}
limits: {trials: 6, pack: 1}
)";

constexpr char kReason[] = "the worker's files of tiny-chat (SHA-256 ";

void ChangeOneByte(const std::filesystem::path& file) {
  std::fstream weights(file, std::ios::in | std::ios::out | std::ios::binary);
  const auto place = static_cast<std::streamoff>(std::filesystem::file_size(file)) - 4;
  weights.seekg(place);
  const int byte = weights.get();
  weights.seekp(place);
  weights.put(static_cast<char>(byte ^ 1));
  REQUIRE(weights.good());
}

TEST_CASE("A worker whose model differs in one byte, or is cut short, trains nothing and is named with the reason",
          "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  Cluster cluster(60);
  const std::filesystem::path good_root = cluster.folder() / "good";
  const std::filesystem::path bad_root = cluster.folder() / "bad";
  MakeTinyChatModel(good_root);
  ChangeOneByte(MakeTinyChatModel(bad_root) / "model.safetensors");
  const std::filesystem::path cut_root = cluster.folder() / "cut";
  const std::filesystem::path cut_weights = MakeTinyChatModel(cut_root) / "model.safetensors";
  std::filesystem::resize_file(cut_weights, std::filesystem::file_size(cut_weights) / 2);
  WriteFile(cluster.folder() / "rows.jsonl", TinyConversations(60));
  WriteFile(cluster.folder() / "sweep.yaml", kSweep);
  const std::string sweep = cluster.Submit(cluster.folder() / "sweep.yaml");

  Process& good = cluster.StartWorker("good", {"LORASWEEP_MODELS=" + good_root.string()});
  REQUIRE(Eventually([&] { return !cluster.GetSweep(sweep).base_sha256().empty(); }, std::chrono::seconds(120)));
  good.Signal(SIGSTOP);  // or it might be through before the other one comes
  REQUIRE(cluster.GetSweep(sweep).state() == v1::Sweep::RUNNING);
  Process& bad = cluster.StartWorker("bad", {"LORASWEEP_MODELS=" + bad_root.string()});
  Process& cut = cluster.StartWorker("cut", {"LORASWEEP_MODELS=" + cut_root.string()});
  std::string workers;
  const bool named = Eventually(
      [&] {
        workers = cluster.Cli({"workers", "--output", "json"}).output;
        const std::size_t first = workers.find(kReason);
        return first != std::string::npos && workers.find(kReason, first + 1) != std::string::npos;
      },
      std::chrono::seconds(120));
  good.Signal(SIGCONT);
  INFO(workers << bad.Output() << cut.Output());
  REQUIRE(named);
  CHECK(bad.Output().find("OTHER_BASE") != std::string::npos);
  CHECK(cut.Output().find("OTHER_BASE") != std::string::npos);

  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED, std::chrono::seconds(300)));
  int refused = 0;
  for (const v1::Trial& trial : cluster.Trials(sweep)) {
    CHECK(trial.state() == v1::Trial::COMPLETED);
    REQUIRE(trial.attempts_size() > 0);
    CHECK(trial.attempts(trial.attempts_size() - 1).worker() == "workers/good");
    for (const v1::Attempt& attempt : trial.attempts()) {
      if (attempt.worker() == "workers/good") continue;
      ++refused;
      CHECK(attempt.end_reason().find(kReason) == 0);
    }
  }
  CHECK(refused >= 2);
}

}  // namespace
}  // namespace lorasweep::testing
