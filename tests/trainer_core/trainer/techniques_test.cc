// Kinds of adapters, optimizers and losses through the trainer's public interface, on a tiny model: mixed in one pack,
// interrupted, and gone on from.
#include <filesystem>

#include <catch2/catch.hpp>

#include "tests/trainer_core/trainer/workbench.h"

namespace lorasweep::trainer {
namespace {

using testing::CheckClose;
using testing::kShort;
using testing::LargestDifference;
using testing::MakeData;
using testing::MakeFp32Trainer;
using testing::Recorder;
using testing::RunOne;
using testing::Workbench;

// Trials that have little in common but their data.
std::vector<TrainConfig> Mixed() {
  std::vector<TrainConfig> configs(10, kShort);
  configs[0].use_dora = true;
  configs[0].lora_dropout = 0.2;
  configs[0].optimizer = Optimizer::kAdafactor;
  configs[1].init_lora_weights = {.kind = InitKind::kPissa};
  configs[1].lora_dropout = 0.1;
  configs[1].label_smoothing = 0.1;
  configs[2].use_rslora = true;
  configs[2].lora_rank = 2;
  configs[2].layers_to_transform = {1};
  configs[2].rank_pattern = {{"down_proj", 5}};
  configs[2].alpha_pattern = {{"q_proj", 1}};
  configs[2].optimizer = Optimizer::kLion;
  configs[2].learning_rate = 1e-3;
  configs[3].neftune_noise_alpha = 5;
  configs[3].optimizer = Optimizer::kSgd;
  configs[3].momentum = 0.9;
  configs[3].loraplus_lr_ratio = 4;
  configs[4].init_lora_weights = {.kind = InitKind::kOlora};
  configs[4].exclude_modules = {".*k_proj"};
  configs[4].use_rslora = true;
  configs[5].use_dora = true;
  configs[5].lora_rank = 3;
  configs[5].loraplus_lr_ratio = 4;
  configs[6].whole.modules_to_save = {"lm_head", "norm"};
  configs[6].weight_decay = 0.1;
  configs[6].lora_dropout = 0.1;
  configs[7].whole = {.modules_to_save = {"lm_head", "v_proj"}, .ensure_weight_tying = true};
  configs[7].optimizer = Optimizer::kAdamW8bit;
  configs[7].init_lora_weights = {.kind = InitKind::kPissa};
  configs[8].target_modules = {"q_proj", "lm_head", "embed_tokens"};
  configs[8].lora_dropout = 0.2;
  configs[8].loraplus_lr_ratio = 4;
  configs[8].loraplus_lr_embedding = 1e-2;
  configs[9].target_modules = {"all-linear", "lm_head"};
  configs[9].use_dora = true;
  configs[9].whole.modules_to_save = {"embed_tokens"};
  configs[9].optimizer = Optimizer::kAdafactor;
  configs[9].init_lora_weights = {.kind = InitKind::kOlora};
  configs[9].lora_dropout = 0.1;
  return configs;
}

TEST_CASE("a pack of every technique trains each trial as alone") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 3));
  JobPack pack;
  for (const TrainConfig& config : Mixed()) {
    pack.jobs.push_back(bench.Job("packed" + std::to_string(pack.jobs.size()), config));
    pack.jobs.back().seed += pack.jobs.size();
  }
  Recorder together;
  const auto outcomes = trainer->Run(pack, together, {});
  INFO(std::string{outcomes.status().message()});
  REQUIRE(outcomes.ok());
  for (std::size_t slot = 0; slot < pack.jobs.size(); ++slot) {
    INFO("slot " << slot);
    TrialJob job = pack.jobs[slot];
    job.output_folder = bench.folder.path() / ("solo" + std::to_string(slot));
    Recorder alone;
    CHECK(RunOne(*trainer, job, alone).kind == Outcome::Kind::kCompleted);
    CheckClose(together.Losses(slot), alone.Losses(0), 1e-5);
    // Adam takes a step of full size where a gradient is rounding alone.
    CHECK(LargestDifference(bench.AdapterOf(pack.jobs[slot]), bench.AdapterOf(job)) < 1e-3);
    CHECK(together.reports[slot].back().validation->Mean() ==
          Approx(alone.reports[0].back().validation->Mean()).epsilon(1e-5));
  }
}

TEST_CASE("every technique goes on from a checkpoint with the very same numbers") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 2));
  JobPack undisturbed;
  JobPack pack;
  for (const TrainConfig& config : Mixed()) {
    undisturbed.jobs.push_back(bench.Job("whole" + std::to_string(pack.jobs.size()), config));
    pack.jobs.push_back(bench.Job("halved" + std::to_string(pack.jobs.size()), config));
  }
  Recorder whole;
  REQUIRE(trainer->Run(undisturbed, whole, {}).ok());
  Recorder first;
  for (std::size_t slot = 0; slot < pack.jobs.size(); ++slot) first.commands[{slot, 3}] = Command::kPause;
  REQUIRE(trainer->Run(pack, first, {}).ok());
  for (TrialJob& job : pack.jobs) job.checkpoint = job.output_folder / "checkpoint.safetensors";
  Recorder second;
  const auto resumed = trainer->Run(pack, second, {});
  INFO(std::string{resumed.status().message()});
  REQUIRE(resumed.ok());
  for (std::size_t slot = 0; slot < pack.jobs.size(); ++slot) {
    INFO("slot " << slot);
    std::vector<double> losses = first.Losses(slot);
    for (const double loss : second.Losses(slot)) losses.push_back(loss);
    CHECK(losses == whole.Losses(slot));
    CHECK(bench.AdapterOf(pack.jobs[slot]) == bench.AdapterOf(undisturbed.jobs[slot]));
  }
}

TEST_CASE("a trial goes on from another's adapter, whatever its kind, and reports its loss at step 0") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 3));
  std::size_t number = 0;
  for (const TrainConfig& config : Mixed()) {
    INFO("kind " << number);
    const TrialJob teacher = bench.Job("teacher" + std::to_string(number), config);
    Recorder taught;
    RunOne(*trainer, teacher, taught);
    TrainConfig going_on = kShort;
    going_on.adapter = (teacher.output_folder / "adapter").string();
    going_on.max_steps = 2;
    const TrialJob pupil = bench.Job("pupil" + std::to_string(number++), going_on);
    Recorder recorder;
    CHECK(RunOne(*trainer, pupil, recorder).kind == Outcome::Kind::kCompleted);
    CHECK(recorder.reports[0].front().validation->Mean() ==
          Approx(taught.reports[0].back().validation->Mean()).epsilon(1e-4));
    CHECK(recorder.reports[0].back().validation->Mean() != recorder.reports[0].front().validation->Mean());
  }
}

TEST_CASE("settings that a model or another setting rules out are refused in words") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(8, 1));
  const auto refusal = [&](const TrainConfig& config) {
    Recorder unused;
    const auto outcomes = trainer->Run({{bench.Job("a", config)}}, unused, {});
    CHECK(absl::IsInvalidArgument(outcomes.status()));
    return std::string{outcomes.status().message()};
  };
  TrainConfig config = kShort;
  config.target_modules = {"w_proj"};
  CHECK_THAT(refusal(config), Catch::Contains("unknown module 'w_proj'"));
  config = kShort;
  config.init_lora_weights.kind = InitKind::kPissa;
  config.lora_rank = 17;
  CHECK_THAT(refusal(config), Catch::Contains("rank 17 is too high") && Catch::Contains("k_proj (at most 16)"));
  config = kShort;
  config.use_dora = true;
  config.target_modules = {"q_proj", "embed_tokens"};
  CHECK_THAT(refusal(config), Catch::Contains("use_dora is not supported on an embedding"));
  config = kShort;
  config.whole.modules_to_save = {"q_projection"};
  CHECK_THAT(refusal(config), Catch::Contains("modules_to_save: unknown module 'q_projection'"));
}

}  // namespace
}  // namespace lorasweep::trainer
