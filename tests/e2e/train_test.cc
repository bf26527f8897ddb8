#include <catch2/catch.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/tiny_model.h"

// `lorasweep train` as people use it: the real programs on a real, tiny model.
namespace lorasweep::testing {
namespace {

namespace fs = std::filesystem;

class Bench {
 public:
  Bench() {
    MakeTinyChatModel(folder());
    WriteFile(folder() / "rows.jsonl", TinyConversations(60));
    WriteFile(folder() / "trial.yaml",
              "model: tiny-chat\ndata: {train: rows.jsonl, validation: 8, max_length: 128, packing: true}\n"
              "training: {max_steps: 160, batch_size: 4, micro_batch_size: 2, eval_every: 80, save_every: 10,\n"
              "           save_total_limit: 3, precision: fp32, lora_dropout: 0.1, lora_rank: 4, warmup: 5}\n");
  }

  const fs::path& folder() const { return temp_.path(); }
  fs::path Out(const std::string& name) const { return folder() / name; }

  std::vector<std::string> Command(const std::string& out, std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {(BinDir() / "lorasweep").string(),
                                      "train",
                                      (folder() / "trial.yaml").string(),
                                      "--out",
                                      Out(out).string(),
                                      "--device",
                                      "cpu",
                                      "--threads",
                                      "1"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  Finished Train(const std::string& out, std::vector<std::string> more = {}) const {
    return RunProgram(Command(out, std::move(more)));
  }

  std::string Adapter(const std::string& out) const {
    return ReadFile(Out(out) / "adapter" / "adapter_model.safetensors");
  }

 private:
  TempDir temp_;
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("A training that is killed or stopped goes on to the very bits of an undisturbed one", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  const Bench bench;
  const Finished whole = bench.Train("whole");
  INFO(whole.output);
  REQUIRE(whole.status == 0);
  CHECK(Has(whole.output, "outcome          completed"));
  const std::string adapter = bench.Adapter("whole");
  REQUIRE(adapter.size() > 1000);
  CHECK(fs::exists(bench.Out("whole") / "checkpoint-150" / "adapter_config.json"));
  CHECK(fs::exists(bench.Out("whole") / "checkpoint-130" / "checkpoint.safetensors"));
  CHECK_FALSE(fs::exists(bench.Out("whole") / "checkpoint-120"));

  // kill -9 of the client, then of the worker in the middle of whatever it does; then Ctrl-C; then to the end.
  {
    Process process(bench.Command("killed"), bench.folder() / "client.log");
    REQUIRE(process.WaitForOutput("checkpoint of step "));
    process.Kill();
  }
  for (const char* until : {"\"saved\"", "\"step\"", "\"saved\""}) {
    Process process(
        {(BinDir() / "lorasweep-worker").string(), "train", "--spec", (bench.Out("killed") / "spec.json").string(),
         "--out", bench.Out("killed").string(), "--device", "cpu", "--threads", "1"},
        bench.folder() / "worker.log");
    REQUIRE(process.WaitForOutput(until));
    process.Kill();
  }
  {
    Process process(bench.Command("killed"), bench.folder() / "stopped.log");
    REQUIRE(process.WaitForOutput("going on from"));
    process.Signal(SIGINT);
    CHECK(process.Wait() == 0);
    CHECK(Has(process.Output(), "the same command goes on from there"));
  }
  const Finished last = bench.Train("killed");
  INFO(last.output);
  REQUIRE(last.status == 0);
  CHECK(Has(last.output, "going on from"));
  CHECK(bench.Adapter("killed") == adapter);

  const Finished again = bench.Train("killed");
  CHECK(again.status == 0);
  CHECK(Has(again.output, "done already"));
  const Finished other = bench.Train("killed", {"--set", "learning_rate=1e-3"});
  CHECK(other.status == 1);
  CHECK(Has(other.output, "holds a finished training with other settings"));
  CHECK(Has(other.output, "learning_rate"));

  const Finished resumed = bench.Train("resumed", {"--resume", (bench.Out("whole") / "checkpoint-150").string()});
  CHECK(resumed.status == 0);
  CHECK(bench.Adapter("resumed") == adapter);
  const Finished refused =
      bench.Train("refused", {"--resume", bench.Out("whole").string(), "--set", "learning_rate=1e-3"});
  CHECK(refused.status == 1);
  CHECK(Has(refused.output, "was made with learning_rate 0.0002, this run has 0.001"));
}

TEST_CASE("One training: what it needs, what it tells, and how long it is", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  const Bench bench;
  const Finished json = bench.Train(
      "json", {"--set", "training.max_steps=4", "--set", "eval_every=2", "--set", "data.test=5", "--output", "json"});
  INFO(json.output);
  REQUIRE(json.status == 0);
  const auto begin = json.output.find("{\n");
  REQUIRE(begin != std::string::npos);
  const auto answer = nlohmann::json::parse(json.output.substr(begin));
  CHECK(answer["outcome"] == "completed");
  CHECK(answer["step"] == "4");
  CHECK(answer["validation_loss"].get<double>() < answer["base_loss"].get<double>());
  CHECK(fs::exists(answer["adapter"].get<std::string>() + "/adapter_config.json"));

  WriteFile(bench.folder() / "trial.yaml",
            "model: tiny-chat\ndata: {train: rows.jsonl, validation: 10, max_length: 128}\n"
            "training: {epochs: 2, batch_size: 8, eval_every: 0, save_every: 0, precision: fp32}\n"
            "parameters:\n  lora_rank: {value: 4}\n  lora_alpha: {expression: 2 * lora_rank}\n");
  const Finished epochs = bench.Train("epochs");
  INFO(epochs.output);
  CHECK(epochs.status == 0);
  CHECK(Has(epochs.output, "13 steps"));  // 50 rows, twice, by 8
  CHECK(Has(ReadFile(bench.Out("epochs") / "adapter" / "adapter_config.json"), "\"lora_alpha\": 8"));

  WriteFile(bench.folder() / "trial.yaml",
            "model: tiny-chat\ndata: {train: rows.jsonl}\nparameters:\n  lora_rank: {values: [4, 8]}\n");
  const Finished searched = bench.Train("searched");
  CHECK(searched.status == 2);
  CHECK(Has(searched.output, "the file searches lora_rank; fix each with --set lora_rank="));
}

}  // namespace
}  // namespace lorasweep::testing
