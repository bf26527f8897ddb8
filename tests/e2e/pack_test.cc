// Packs through the real programs: what a trial's numbers are does not depend on who trains beside it, and a killed
// worker loses no more with a pack than with one trial.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "tests/e2e/cluster.h"
#include "tests/support/tiny_model.h"

namespace lorasweep::testing {
namespace {

using Curves = std::map<std::pair<std::int64_t, std::int64_t>, double>;

// Six trials, of which ASHA ends some at step 10.
std::string SubmitPackSweep(const Cluster& cluster, int pack) {
  MakeTinyChatModel(cluster.folder());
  WriteFile(cluster.folder() / "rows.jsonl", TinyConversations(60));
  WriteFile(
      cluster.folder() / "sweep.yaml",
      "model: tiny-chat\ndata: {train: rows.jsonl, validation: 8, max_length: 128}\n"
      "training: {max_steps: 40, batch_size: 4, eval_every: 5, save_every: 5, precision: fp32, lora_dropout: 0.1}\n"
      "method: random\nparameters:\n"
      "  learning_rate: {distribution: log_uniform_values, min: 1.0e-4, max: 3.0e-3}\n"
      "  lora_rank: {values: [2, 4, 8]}\n  batch_size: {values: [4, 6]}\n"
      "early_terminate: {type: asha, min_steps: 10, eta: 2}\n"
      "limits: {trials: 6, pack: " +
          std::to_string(pack) + "}\n");
  return cluster.Submit(cluster.folder() / "sweep.yaml");
}

// Each (trial, step) is there once.
Curves ValidationCurves(const Cluster& cluster, const std::string& sweep) {
  Curves curves;
  for (const v1::Trial& trial : cluster.Trials(sweep)) {
    for (const v1::Observation& observation : cluster.Observations(trial.name(), "validation/loss")) {
      CHECK(curves.emplace(std::pair(trial.number(), observation.step()), observation.value()).second);
    }
  }
  return curves;
}

// Trials are pruned by what others have reached, which depends on who goes first: what both have is compared.
std::size_t CheckSame(const Curves& a, const Curves& b) {
  std::size_t common = 0;
  for (const auto& [point, value] : a) {
    const auto other = b.find(point);
    if (other == b.end()) continue;
    ++common;
    INFO("trial " << point.first << " at step " << point.second);
    CHECK(value == Approx(other->second).margin(5e-4));
  }
  return common;
}

std::int64_t TrialsIn(const Cluster& cluster, const std::string& sweep, v1::Trial::State state) {
  const std::vector<v1::Trial> trials = cluster.Trials(sweep);
  return std::count_if(trials.begin(), trials.end(), [&](const v1::Trial& trial) { return trial.state() == state; });
}

TEST_CASE("A sweep in packs of four has the numbers of one trial after another, also over kill -9 in mid-pack",
          "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  Cluster solo;
  solo.StartWorker("solo");
  const std::string alone = SubmitPackSweep(solo, 1);
  REQUIRE(solo.WaitForSweep(alone, v1::Sweep::COMPLETED));
  const Curves expected = ValidationCurves(solo, alone);

  Cluster packed;
  packed.StartWorker("packed");
  const std::string together = SubmitPackSweep(packed, 4);
  REQUIRE(packed.WaitForSweep(together, v1::Sweep::COMPLETED));
  CHECK(CheckSame(ValidationCurves(packed, together), expected) >= 12);
  CHECK(TrialsIn(packed, together, v1::Trial::PRUNED) >= 1);
  CHECK(TrialsIn(packed, together, v1::Trial::COMPLETED) >= 1);
  // Slots that were pruned were filled: one process trained six trials in packs of up to four.
  CHECK(packed.Trials(together).size() == 6);

  Cluster disturbed;
  Process& first = disturbed.StartWorker("first");
  const std::string sweep = SubmitPackSweep(disturbed, 4);
  REQUIRE(disturbed.WaitForRunningTrial(sweep, 6).has_value());
  const std::int64_t running = TrialsIn(disturbed, sweep, v1::Trial::RUNNING);
  first.Kill();
  CHECK(running >= 2);
  disturbed.StartWorker("second");
  REQUIRE(disturbed.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  CHECK(CheckSame(ValidationCurves(disturbed, sweep), expected) >= 12);
  std::int64_t again = 0;
  for (const v1::Trial& trial : disturbed.Trials(sweep)) again += trial.attempts_size() > 1 ? 1 : 0;
  CHECK(again >= 2);
  CHECK(TrialsIn(disturbed, sweep, v1::Trial::FAILED) == 0);
}

}  // namespace
}  // namespace lorasweep::testing
