// Packs: each slot trains as it would alone, whatever the others are and whenever they come and go.
#include <algorithm>
#include <numeric>

#include "tests/support/torch_catch.h"

#include "tests/support/paths.h"
#include "tests/trainer_core/trainer/workbench.h"
#include "trainer_core/trainer/adapter_setup.h"
#include "trainer_core/trainer/pack_run.h"
#include "trainer_core/trainer/training_pass.h"
#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {
namespace {

using testing::kShort;
using testing::LargestDifference;
using testing::MakeData;
using testing::MakeFp32Trainer;
using testing::Recorder;
using testing::RunOne;
using testing::Workbench;

// Eight trials that differ in everything that may differ; the last one diverges.
std::vector<TrainConfig> EightConfigs() {
  std::vector<TrainConfig> configs(8);
  const std::int64_t ranks[] = {4, 8, 16, 32, 64, 4, 24, 8};
  const double dropouts[] = {0, 0.05, 0.1, 0, 0.05, 0.1, 0, 0.05};
  const double rates[] = {1e-3, 3e-3, 5e-4, 1e-3, 3e-4, 5e-3, 1e-3, 100};
  const double decays[] = {0,   0.01, 0.1, 0,
                           0.1, 0.01, 0,   100};  // rate times decay 10000: each step multiplies by -9999
  const std::int64_t batches[] = {4, 8, 4, 2, 8, 6, 4, 4};
  for (std::size_t i = 0; i < configs.size(); ++i) {
    configs[i] = {.max_steps = 96 / batches[i],
                  .batch_size = batches[i],
                  .learning_rate = rates[i],
                  .weight_decay = decays[i],
                  .max_grad_norm = i == 7 ? 0.0 : 1.0,
                  .lora_rank = ranks[i],
                  .lora_alpha = 16,
                  .lora_dropout = dropouts[i],
                  .eval_every = 0,
                  .save_every = 0};
  }
  configs[6].use_rslora = true;
  return configs;
}

TEST_CASE("a pack of eight that differ in all that may differ, one of them diverging, trains each as alone") {
  const Workbench bench;
  // Rows of a real model's size: 260,000 parameters, in fp32.
  const std::filesystem::path model = testing::SharedDir() / "models" / "stories260K";
  const auto trainer = MakeFp32Trainer(model, MakeData(32, 6, 512));
  JobPack pack;
  for (const TrainConfig& config : EightConfigs()) {
    pack.jobs.push_back(bench.Job("packed" + std::to_string(pack.jobs.size()), config));
    pack.jobs.back().seed = 40 + pack.jobs.size();
  }
  Recorder together;
  const auto outcomes = trainer->Run(pack, together, {});
  REQUIRE(outcomes.ok());
  double worst_loss = 0;
  double worst_validation = 0;
  for (std::size_t slot = 0; slot < pack.jobs.size(); ++slot) {
    INFO("slot " << slot);
    TrialJob job = pack.jobs[slot];
    job.output_folder = bench.folder.path() / ("solo" + std::to_string(slot));
    Recorder alone;
    const Outcome solo = RunOne(*trainer, job, alone);
    CHECK((*outcomes)[slot].kind == solo.kind);
    CHECK((*outcomes)[slot].step == solo.step);
    CHECK((solo.kind == Outcome::Kind::kDiverged) == (slot == 7));
    if (slot == 7) continue;
    const std::vector<double> packed = together.Losses(slot);
    const std::vector<double> expected = alone.Losses();
    REQUIRE(packed.size() == expected.size());
    for (std::size_t step = 0; step < std::min<std::size_t>(20, packed.size()); ++step) {
      worst_loss = std::max(worst_loss, std::abs(packed[step] / expected[step] - 1));
    }
    worst_validation = std::max(worst_validation, std::abs(together.reports[slot].back().validation->Mean() -
                                                           alone.reports[0].back().validation->Mean()));
  }
  INFO("largest differences: " << worst_loss << " of training losses, " << worst_validation << " of validation losses");
  CHECK(worst_loss <= 1e-5);
  CHECK(worst_validation <= 5e-4);
}

// Gradients of one step in fp64, where only the order of sums differs. Rows of the bank's layout.
at::Tensor Gradients(Transformer& model, const std::vector<SlotAdapter>& adapters, const TokenBatch& batch) {
  LoraBank bank(model.config(), adapters, at::kCPU,
                [&model](std::size_t parameter) { return model.Parameter(parameter); });
  std::vector<std::size_t> numbers(adapters.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  for (const std::size_t slot : numbers) {
    REQUIRE(bank.Start(slot, {}).ok());
    // B is zero at the start, and then A has no gradient: some numbers instead, the same packed and alone.
    std::vector<float> values = bank.Extract(bank.parameters(), slot);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0) values[i] = static_cast<float>(i % 17) * 0.01F - 0.08F;
    }
    bank.Insert(values, slot, bank.parameters());
  }
  LoraPass pass = bank.TrainingPass(numbers, std::vector<std::int64_t>(numbers.size(), 3), at::kDouble);
  pass.gradients = at::zeros(pass.gradients.sizes(), at::kDouble);
  const PassLoss loss{.coefficients = std::vector<double>(numbers.size(), 1.0 / 40),
                      .smoothing = std::vector<double>(numbers.size(), 0.0)};
  PassOver(model, batch, loss, pass);
  at::Tensor solo = at::zeros({0}, at::kDouble);
  for (const std::size_t slot : numbers) {
    const at::Tensor row = pass.gradients.select(0, static_cast<std::int64_t>(slot));
    for (const SlotMatrix& matrix : bank.matrices(slot)) solo = at::cat({solo, matrix.InRow(row).flatten()});
  }
  return solo;
}

TEST_CASE("gradients of a pack of eight equal those of each slot alone, in fp64") {
  const std::filesystem::path folder = testing::SharedDir() / "models" / "stories260K";
  auto model = Transformer::Load(folder, at::kCPU, at::kDouble);
  REQUIRE(model.ok());
  TokenBatch batch;
  for (std::int64_t i = 0; i < 4; ++i) {
    AddSequence(testing::MakeSequence(static_cast<std::uint64_t>(i), 20, 5, 512), i, batch);
  }
  std::vector<SlotAdapter> adapters;
  std::vector<at::Tensor> alone;
  for (const TrainConfig& config : EightConfigs()) {
    const TrialJob job{.config = config, .seed = 7 + adapters.size()};
    const auto setup = SetUpAdapter(job, model->config());
    REQUIRE(setup.ok());
    adapters.push_back(SlotAdapterOf(job, *setup));
    alone.push_back(Gradients(*model, {adapters.back()}, batch));
  }
  const at::Tensor expected = at::cat(alone);
  const at::Tensor packed = Gradients(*model, adapters, batch);
  REQUIRE(packed.numel() == expected.numel());
  const double scale = expected.abs().max().item().toDouble();
  CHECK(scale > 1e-6);
  const double difference = (packed - expected).abs().max().item().toDouble();
  INFO("relative difference " << difference / scale);
  CHECK(difference <= 1e-10 * scale);
}

// Lets jobs join when a slot has come so far.
class Refiller final : public Recorder {
 public:
  std::vector<TrialJob> Join() override {
    std::vector<TrialJob> jobs;
    if (!waiting.empty() && reports[0].size() > after_reports) jobs.swap(waiting);
    return jobs;
  }
  void OnEnd(std::size_t slot, const Outcome& outcome) override { ended.emplace_back(slot, outcome.kind); }

  std::size_t after_reports = 3;
  std::vector<TrialJob> waiting;
  std::vector<std::pair<std::size_t, Outcome::Kind>> ended;
};

TEST_CASE("slots leave and join while the rest goes on, and each has the numbers it has alone") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 3));
  TrainConfig first = kShort;
  first.max_steps = 10;
  first.lora_dropout = 0.1;
  TrainConfig second = first;
  second.lora_rank = 16;
  TrainConfig third = first;
  third.lora_rank = 8;
  third.batch_size = 5;
  third.max_steps = 16;
  third.optimizer = Optimizer::kAdamW8bit;
  TrainConfig wrong = first;
  wrong.target_modules = {"no_such_module"};
  Refiller observer;
  const JobPack pack{{bench.Job("a", first), bench.Job("b", second)}};
  observer.waiting = {bench.Job("c", third), bench.Job("wrong", wrong), bench.Job("d", first)};
  observer.waiting[2].seed = 99;
  const std::vector<TrialJob> joined = observer.waiting;
  observer.commands[{1, 4}] = Command::kStop;  // as a verdict prunes
  const auto outcomes = trainer->Run(pack, observer, {});
  REQUIRE(outcomes.ok());
  REQUIRE(outcomes->size() == 5);
  CHECK((*outcomes)[0].kind == Outcome::Kind::kCompleted);
  CHECK((*outcomes)[1].kind == Outcome::Kind::kStopped);
  CHECK((*outcomes)[2].kind == Outcome::Kind::kCompleted);
  CHECK((*outcomes)[3].kind == Outcome::Kind::kRefused);
  CHECK(absl::IsInvalidArgument((*outcomes)[3].refusal));
  CHECK((*outcomes)[4].kind == Outcome::Kind::kCompleted);
  CHECK(observer.ended.size() == 5);
  const std::pair<std::size_t, TrialJob> whole[] = {{0, pack.jobs[0]}, {2, joined[0]}, {4, joined[2]}};
  for (const auto& [slot, job] : whole) {
    INFO("slot " << slot);
    TrialJob solo = job;
    solo.output_folder = bench.folder.path() / "solo" / job.name;
    Recorder alone;
    RunOne(*trainer, solo, alone);
    testing::CheckClose(observer.Losses(slot), alone.Losses(), 1e-5);
    // A gradient that is almost zero has its rounding magnified by AdamW, up to the learning rate.
    CHECK(LargestDifference(bench.AdapterOf(job), bench.AdapterOf(solo)) < 0.05 * job.config.learning_rate);
  }
  // The newcomers caught up before the first went on.
  CHECK(observer.reports[0].size() == 11);
}

TEST_CASE("a slot that joins from a checkpoint goes on as it would alone") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 3));
  TrainConfig config = kShort;
  config.max_steps = 8;
  TrialJob paused = bench.Job("paused", config);
  Recorder until_rung;
  until_rung.commands[{0, 4}] = Command::kPause;
  RunOne(*trainer, paused, until_rung);
  std::filesystem::rename(paused.output_folder / "checkpoint.safetensors", bench.folder.path() / "rung");
  paused.checkpoint = bench.folder.path() / "rung";
  Refiller observer;
  observer.after_reports = 2;
  observer.waiting = {paused};
  TrainConfig other = config;
  other.lora_rank = 12;
  REQUIRE(trainer->Run({{bench.Job("other", other)}}, observer, {}).ok());
  Recorder whole;
  RunOne(*trainer, bench.Job("whole", config), whole);
  std::vector<double> losses = until_rung.Losses();
  for (const double loss : observer.Losses(1)) losses.push_back(loss);
  testing::CheckClose(losses, whole.Losses(), 1e-5);
}

TEST_CASE("a pack is planned by a measurement that leaves no trace") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 3));
  Recorder before;
  RunOne(*trainer, bench.Job("before", kShort), before);
  const auto plan = trainer->PlanPack(bench.Job("planned", kShort), 4, text::PackSize::kFastest);
  REQUIRE(plan.ok());
  CHECK(plan->slots >= 1);
  CHECK(plan->slots <= 4);
  REQUIRE_FALSE(plan->measured.empty());
  for (const text::PackSpeed& speed : plan->measured) CHECK(speed.tokens_per_second > 0);
  CHECK_FALSE(std::filesystem::exists(bench.folder.path() / "planned"));
  Recorder after;
  RunOne(*trainer, bench.Job("after", kShort), after);
  // Threads of a busy machine may split a product otherwise.
  testing::CheckClose(before.Losses(), after.Losses(), 1e-6);
  TrainConfig wrong = kShort;
  wrong.lora_rank = 0;
  CHECK_FALSE(trainer->PlanPack(bench.Job("wrong", wrong), 4, text::PackSize::kFastest).ok());
}

}  // namespace
}  // namespace lorasweep::trainer
