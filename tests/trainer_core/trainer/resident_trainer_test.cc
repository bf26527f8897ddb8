// One trial after another on a resident trainer: what they share, and what stays their own.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/trainer_core/trainer/workbench.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {
namespace {

using testing::kShort;
using testing::LargestDifference;
using testing::MakeData;
using testing::MakeFp32Trainer;
using testing::Recorder;
using testing::RunOne;
using testing::Workbench;

// A trainer, and how often it has evaluated its base model.
struct CountingTrainer {
  int evaluations = 0;
  std::unique_ptr<Trainer> trainer;

  CountingTrainer(const Workbench& bench, std::shared_ptr<const text::TokenizedData> data,
                  Precision precision = Precision::kFp32) {
    const auto count = [this](std::string_view line) { evaluations += line.starts_with("the base model's loss"); };
    auto made = MakeTrainer({.device = "cpu", .precision = precision, .threads = 1, .log = count}, bench.model,
                            std::move(data));
    REQUIRE(made.ok());
    trainer = *std::move(made);
  }
};

TEST_CASE("what all new adapters begin with is evaluated once, for packs too, and leaves no trace in a training") {
  const Workbench bench;
  const auto data = MakeData(16, 3);
  TrainConfig config = kShort;
  config.lora_dropout = 0.2;
  config.lora_rank = 8;
  CountingTrainer sweep(bench, data);
  Recorder first;
  RunOne(*sweep.trainer, bench.Job("first", kShort), first);
  CHECK(sweep.evaluations == 1);
  const std::vector<float> base = first.reports[0][0].validation->sequence_losses;
  Recorder second;
  RunOne(*sweep.trainer, bench.Job("second", config), second);
  Recorder pack;
  REQUIRE(sweep.trainer->Run({{bench.Job("a", kShort), bench.Job("b", config)}}, pack, {}).ok());
  CHECK(sweep.evaluations == 1);
  CHECK(second.reports[0][0].validation->sequence_losses == base);
  CHECK(pack.reports[0][0].validation->sequence_losses == base);
  CHECK(pack.reports[1][0].validation->sequence_losses == base);

  CountingTrainer fresh(bench, data);
  Recorder evaluated;
  RunOne(*fresh.trainer, bench.Job("evaluated", config), evaluated);
  CHECK(fresh.evaluations == 1);
  CHECK(evaluated.reports[0][0].validation->sequence_losses == base);
  CHECK(evaluated.Losses() == second.Losses());
  CHECK(bench.AdapterOf(bench.Job("evaluated", config)) == bench.AdapterOf(bench.Job("second", config)));
}

TEST_CASE("other validation rows, another precision and another adapter to begin with are evaluated for themselves") {
  const Workbench bench;
  const auto first_loss = [&](CountingTrainer& counting, const TrainConfig& config) {
    Recorder recorder;
    recorder.commands[{0, 0}] = Command::kStop;
    RunOne(*counting.trainer, bench.Job("a", config), recorder);
    return recorder.reports[0][0].validation->sequence_losses;
  };
  CountingTrainer one(bench, MakeData(16, 3));
  const std::vector<float> base = first_loss(one, kShort);
  CountingTrainer more_rows(bench, MakeData(16, 4));
  CHECK(first_loss(more_rows, kShort).size() == 4);
  CHECK(more_rows.evaluations == 1);
  CountingTrainer coarse(bench, MakeData(16, 3), Precision::kBf16);
  CHECK(first_loss(coarse, kShort) != base);
  CHECK(coarse.evaluations == 1);
  Recorder taught;
  RunOne(*one.trainer, bench.Job("teacher", kShort), taught);
  TrainConfig pupil = kShort;
  pupil.adapter = (bench.folder.path() / "teacher" / "adapter").string();
  CHECK(first_loss(one, pupil) != base);
  CHECK(first_loss(one, kShort) == base);
  CHECK(one.evaluations == 1);
}

TEST_CASE("a new adapter of any kind comes to the base model's loss, LoRA's to its very bits") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 3));
  TrainConfig dora = kShort;
  dora.use_dora = true;
  TrainConfig pissa = kShort;
  pissa.init_lora_weights.kind = InitKind::kPissa;
  TrainConfig whole = kShort;
  whole.whole.modules_to_save = {"embed_tokens"};
  for (const auto& [name, config] :
       {std::pair{"lora", kShort}, std::pair{"dora", dora}, std::pair{"pissa", pissa}, std::pair{"whole", whole}}) {
    INFO(name);
    Recorder untrained;
    untrained.commands[{0, 0}] = Command::kStop;
    RunOne(*trainer, bench.Job(name, config), untrained);
    const std::vector<float> base = untrained.reports[0][0].validation->sequence_losses;
    TrainConfig pupil = kShort;
    pupil.adapter = (bench.folder.path() / name / "adapter").string();
    Recorder evaluated;
    evaluated.commands[{0, 0}] = Command::kStop;
    RunOne(*trainer, bench.Job("pupil", pupil), evaluated);
    const std::vector<float> own = evaluated.reports[0][0].validation->sequence_losses;
    CHECK(LargestDifference(own, base) < 1e-4);
    if (std::string(name) == "lora" || std::string(name) == "whole") CHECK(own == base);
  }
}

// Keeps what is to be written for later.
class Postponing final : public Recorder {
 public:
  absl::Status OnAdapter(std::size_t, std::function<absl::Status()> write) override {
    later = std::move(write);
    return absl::OkStatus();
  }

  std::function<absl::Status()> later;
};

TEST_CASE("an adapter that is written while the next trial trains is its own trial's") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 3));
  Recorder recorder;
  const TrialJob at_once = bench.Job("at_once", kShort);
  RunOne(*trainer, at_once, recorder);
  Postponing postponing;
  const TrialJob postponed = bench.Job("postponed", kShort);
  RunOne(*trainer, postponed, postponing);
  Recorder next;
  TrialJob other = bench.Job("other", kShort);
  other.seed = 99;
  RunOne(*trainer, other, next);
  CHECK_FALSE(std::filesystem::exists(postponed.output_folder / "adapter"));
  REQUIRE(postponing.later().ok());
  CHECK(bench.AdapterOf(postponed) == bench.AdapterOf(at_once));
}

}  // namespace
}  // namespace lorasweep::trainer
