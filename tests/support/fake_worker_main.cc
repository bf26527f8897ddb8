// A worker as lorasweep-worker is one, but for its trainer, which is a toy (fake_trainer.h): crashes, restarts and
// races can be tested on real processes in seconds.
#include <CLI/CLI.hpp>

#include "tests/support/fake_trainer.h"
#include "worker/flags.h"
#include "worker/run_worker.h"

int main(int argc, char** argv) {
  namespace worker = lorasweep::worker;
  CLI::App app("A worker with a toy trainer, for tests.", "fake_worker");
  worker::WorkerFlags flags;
  worker::AddFlags(app, &flags);
  int step_milliseconds = 0;
  int load_milliseconds = 0;
  app.add_option("--step-ms", step_milliseconds, "Each step takes so long")->check(CLI::NonNegativeNumber);
  app.add_option("--load-ms", load_milliseconds, "Loading the model takes so long")->check(CLI::NonNegativeNumber);
  std::int64_t checkpoint_mebibytes = 0;
  app.add_option("--checkpoint-mib", checkpoint_mebibytes, "Checkpoints are so much larger")
      ->check(CLI::NonNegativeNumber);
  if (const std::optional<int> code = worker::Parse(app, argc, argv)) return *code;

  lorasweep::testing::FakeTrainerOptions options;
  options.step_time = std::chrono::milliseconds{step_milliseconds};
  options.checkpoint_mebibytes = checkpoint_mebibytes;
  options.base_sha256 = std::string(64, 'f');  // all such workers have the same models
  options.load_time = std::chrono::milliseconds{load_milliseconds};
  lorasweep::testing::FakeTrainerFactory factory(options);
  return worker::RunWorker(flags, factory);
}
