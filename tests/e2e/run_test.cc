#include <csignal>

#include "tests/e2e/cluster.h"
#include "tests/support/tiny_model.h"

namespace lorasweep::testing {
namespace {

// A folder with a tiny real model, data and a sweep file; `lorasweep run` in it.
class RunFolder {
 public:
  RunFolder(int trials, int steps) {
    MakeTinyChatModel(folder_.path());
    // A sweep that asks for a label gets it from the workers that `run` starts.
    WriteFile(folder_.path() / "rows.jsonl", TinyConversations(60));
    WriteFile(folder_.path() / "sweep.yaml",
              "name: tiny\nmodel: tiny-chat\ndata: {train: rows.jsonl, validation: 8, max_length: 128}\n"
              "training: {max_steps: " +
                  std::to_string(steps) +
                  ", batch_size: 4, eval_every: 5, save_every: 5, precision: fp32}\nmethod: tpe\nparameters:\n"
                  "  learning_rate: {distribution: log_uniform_values, min: 1.0e-4, max: 3.0e-2}\n"
                  "  lora_rank: {values: [2, 4, 8]}\n  lora_alpha: {expression: 2 * lora_rank}\n"
                  "early_terminate: {type: asha, min_steps: 5, eta: 2}\nlimits: {trials: " +
                  std::to_string(trials) + ", worker_labels: {site: here}}\n");
  }

  std::vector<std::string> Command() const {
    return {BinDir() / "lorasweep", "run", folder_.path() / "sweep.yaml", "--state", folder_.path() / "state"};
  }
  const std::filesystem::path& path() const { return folder_.path(); }
  // Folders that hold an adapter.
  std::vector<std::filesystem::path> Adapters() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path() / "state/adapters")) {
      if (entry.path().filename() == "adapter_model.safetensors") found.push_back(entry.path().parent_path());
    }
    return found;
  }

 private:
  TempDir folder_;
};

TEST_CASE("run trains a real model from a sweep file to a leaderboard and an adapter, and shows it again at once",
          "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  RunFolder run(6, 20);
  std::vector<std::string> notifying = run.Command();
  notifying.insert(notifying.end(), {"--notify", "echo told $LORASWEEP_SWEEP $LORASWEEP_STATE $LORASWEEP_BEST_TRIAL",
                                     "--tensorboard", run.path() / "runs"});
  const Finished first = RunProgram(notifying);
  INFO(first.output);
  REQUIRE(first.status == 0);
  CHECK(first.output.find("told tiny COMPLETED ") != std::string::npos);
  CHECK(first.output.find("base model") != std::string::npos);
  REQUIRE(run.Adapters().size() == 1);
  CHECK(std::filesystem::exists(run.Adapters()[0] / "adapter_config.json"));
  for (int trial = 0; trial < 6; ++trial) {
    INFO("trial " << trial);
    CHECK(std::filesystem::exists(run.path() / "runs" / ("trial-" + std::to_string(trial))));
  }

  const auto start = std::chrono::steady_clock::now();
  const Finished again = RunProgram(run.Command());
  INFO(again.output);
  CHECK(again.status == 0);
  CHECK(again.output.find("base model") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));

  std::string command;
  for (const std::string& argument : run.Command()) command += argument + " ";
  const Finished coloured = RunProgram({"/usr/bin/script", "-qec", command, "/dev/null"}, {"TERM=xterm-256color"});
  CHECK(coloured.output.find("\x1b[1m") != std::string::npos);
  for (std::size_t at = coloured.output.find("[1m"); at != std::string::npos;
       at = coloured.output.find("[1m", at + 1)) {
    CHECK(coloured.output[at - 1] == '\x1b');  // colours reach the terminal as colours, not as text
  }
}

TEST_CASE("Ctrl-C pauses run, and the same command again resumes the sweep", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  RunFolder run(4, 400);
  Process interrupted(run.Command(), run.path() / "first.log");
  INFO(interrupted.Output());
  REQUIRE(interrupted.WaitForOutput("validation"));
  interrupted.Signal(SIGINT);
  CHECK(interrupted.Wait() == 0);
  CHECK(interrupted.Output().find("run the same command again") != std::string::npos);

  const Finished resumed = RunProgram(run.Command());
  INFO(resumed.output);
  CHECK(resumed.status == 0);
  CHECK(resumed.output.find("resum") != std::string::npos);
  CHECK(run.Adapters().size() == 1);
}

}  // namespace
}  // namespace lorasweep::testing
