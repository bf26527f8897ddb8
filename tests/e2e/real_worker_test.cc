#include <map>
#include <utility>

#include "tests/e2e/cluster.h"
#include "tests/support/tiny_model.h"

// As crash_test.cc, with the real worker training a real, tiny model: checkpoints carry what training needs.
namespace lorasweep::testing {
namespace {

using Curves = std::map<std::pair<std::int64_t, std::int64_t>, double>;

std::string SubmitTinySweep(const Cluster& cluster) {
  MakeTinyChatModel(cluster.folder());
  WriteFile(cluster.folder() / "rows.jsonl", TinyConversations(60));
  WriteFile(
      cluster.folder() / "sweep.yaml",
      "model: tiny-chat\ndata: {train: rows.jsonl, validation: 8, max_length: 128}\n"
      "training: {max_steps: 120, batch_size: 4, eval_every: 10, save_every: 10, precision: fp32, lora_dropout: 0.1,\n"
      "  samples: 2, samples_tokens: 12}\n"
      "method: random\nparameters:\n"
      "  learning_rate: {distribution: log_uniform_values, min: 1.0e-4, max: 3.0e-3}\n"
      "  lora_rank: {values: [2, 4, 8]}\nlimits: {trials: 2, parallel: 1}\n");
  return cluster.Submit(cluster.folder() / "sweep.yaml");
}

Curves ValidationCurves(const Cluster& cluster, const std::string& sweep) {
  Curves curves;
  for (const v1::Trial& trial : cluster.Trials(sweep)) {
    for (const v1::Observation& observation : cluster.Observations(trial.name(), "validation/loss")) {
      CHECK(curves.emplace(std::pair(trial.number(), observation.step()), observation.value()).second);
    }
  }
  return curves;
}

std::string Answers(const Cluster& cluster, const std::string& trial) {
  const Finished samples = cluster.Cli({"trial", "samples", trial, "--output", "csv"});
  INFO(samples.output);
  CHECK(samples.status == 0);
  return samples.output;
}

TEST_CASE("A real trial whose worker is killed ends on another worker with exactly the losses of an undisturbed run",
          "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  Cluster disturbed;
  Process& first = disturbed.StartWorker("first");
  const std::string sweep = SubmitTinySweep(disturbed);
  const std::optional<v1::Trial> interrupted = disturbed.WaitForRunningTrial(sweep, 25);
  REQUIRE(interrupted.has_value());
  first.Kill();
  disturbed.StartWorker("second");
  REQUIRE(disturbed.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  const v1::Trial finished = disturbed.Trials(sweep).at(static_cast<std::size_t>(interrupted->number()));
  CHECK(finished.attempts_size() == 2);
  CHECK(finished.attempts(1).start_step() > 0);

  Cluster steady;
  steady.StartWorker("steady");
  const std::string same = SubmitTinySweep(steady);
  REQUIRE(steady.WaitForSweep(same, v1::Sweep::COMPLETED));
  CHECK(ValidationCurves(disturbed, sweep) == ValidationCurves(steady, same));
  for (const std::string trial : {"/0", "/1"}) {
    const std::string answers = Answers(disturbed, sweep + trial);
    CHECK(answers == Answers(steady, same + trial));
    for (const char* row : {"\n0,0,", "\n0,1,", "\n10,0,", "\n120,1,"}) CHECK(answers.find(row) != std::string::npos);
  }

  // A clone with a warm start begins where its trial ended.
  const std::int64_t best = steady.GetSweep(same).best_trial();
  const Finished cloned = steady.Cli({"trial", "clone", same + "/" + std::to_string(best), "--warm-start"});
  INFO(cloned.output);
  REQUIRE(cloned.status == 0);
  REQUIRE(steady.WaitForSweep(same, v1::Sweep::COMPLETED));
  const v1::Trial warm = steady.Trials(same).back();
  REQUIRE(warm.warm_start_of() == best);
  INFO(warm.outcome_reason());
  CHECK(warm.state() == v1::Trial::COMPLETED);
  const std::vector<v1::Observation> curve = steady.Observations(warm.name(), "validation/loss");
  REQUIRE(!curve.empty());
  CHECK(curve.front().step() == 0);
  CHECK(curve.front().value() == Approx(steady.Trials(same).at(static_cast<std::size_t>(best)).value()).epsilon(1e-3));
}

}  // namespace
}  // namespace lorasweep::testing
