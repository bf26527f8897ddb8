// The trainer through its public interface, on a tiny model: what a trial's numbers do and do not depend on.
#include "trainer_core/trainer/trainer.h"

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

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

TEST_CASE("training lowers the loss, and reports step 0, each step and the evaluations that are due") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(8, 3));
  CHECK(trainer->description() == "cpu fp32");
  TrainConfig config = kShort;
  config.max_steps = 25;
  config.learning_rate = 2e-2;
  config.eval_every = 10;
  Recorder recorder;
  const Outcome outcome = RunOne(*trainer, bench.Job("a", config), recorder);
  CHECK(outcome.kind == Outcome::Kind::kCompleted);
  CHECK(outcome.step == 25);
  const auto& reports = recorder.reports[0];
  REQUIRE(reports.size() == 26);
  CHECK(recorder.Losses().back() < 0.7 * recorder.Losses().front());
  for (std::size_t step = 0; step < reports.size(); ++step) {
    CHECK(reports[step].step == static_cast<std::int64_t>(step));
    CHECK(reports[step].sequences == static_cast<std::int64_t>(8 * step));
    CHECK(reports[step].validation.has_value() == (step == 0 || step == 10 || step == 20 || step == 25));
  }
  CHECK(reports[1].tokens == 8 / 4 * (6 + 11 + 16 + 21));
  CHECK(reports[0].validation->sequence_tokens == std::vector<std::int32_t>{4, 7, 10});
  CHECK(std::filesystem::exists(bench.folder.path() / "a" / "adapter" / "adapter_model.safetensors"));
}

TEST_CASE("the loss and the adapter do not depend on how a step is split into micro-batches, dropout included") {
  const Workbench bench;
  TrainConfig config = kShort;
  config.lora_dropout = 0.2;
  Recorder whole;
  Recorder split;
  const TrialJob a = bench.Job("whole", config);
  const TrialJob b = bench.Job("split", config);
  RunOne(*MakeFp32Trainer(bench.model, MakeData(16, 2), 4096), a, whole);
  RunOne(*MakeFp32Trainer(bench.model, MakeData(16, 2), 1), b, split);
  CheckClose(whole.Losses(), split.Losses(), 1e-6);
  CHECK(LargestDifference(bench.AdapterOf(a), bench.AdapterOf(b)) < 1e-5);
}

TEST_CASE("lanes side by side give the numbers of one, the same bits each time, dropout and packs included") {
  const Workbench bench;
  TrainConfig config = kShort;
  config.lora_dropout = 0.2;
  const auto data = MakeData(24, 8);
  std::map<std::string, Recorder> recorders;
  std::map<std::string, std::vector<TrialJob>> jobs;
  for (const auto& [name, threads] : {std::pair{"one", 1}, std::pair{"three", 3}, std::pair{"again", 3}}) {
    jobs[name] = {bench.Job(std::string(name) + "-a", config), bench.Job(std::string(name) + "-b", kShort)};
    const auto trainer = MakeFp32Trainer(bench.model, data, 0, threads);
    const auto outcomes = trainer->Run({jobs[name]}, recorders[name], {});
    REQUIRE(outcomes.ok());
  }
  for (const std::size_t slot : {0U, 1U}) {
    CheckClose(recorders["one"].Losses(slot), recorders["three"].Losses(slot), 1e-6);
    CHECK(LargestDifference(bench.AdapterOf(jobs["one"][slot]), bench.AdapterOf(jobs["three"][slot])) < 1e-5);
    CHECK(recorders["three"].Losses(slot) == recorders["again"].Losses(slot));
    CHECK(LargestDifference(bench.AdapterOf(jobs["three"][slot]), bench.AdapterOf(jobs["again"][slot])) == 0);
    const auto& validation = recorders["one"].reports[slot].back().validation;
    const auto& beside = recorders["three"].reports[slot].back().validation;
    REQUIRE(validation.has_value());
    REQUIRE(beside.has_value());
    CHECK(validation->sequence_tokens == beside->sequence_tokens);
    CHECK(std::abs(validation->Mean() - beside->Mean()) < 1e-5);
  }
}

TEST_CASE("packed rows train as their sequences do alone: nothing crosses a border") {
  const Workbench bench;
  auto rows = MakeData(8, 2);
  auto packed = std::make_shared<text::TokenizedData>(*rows);
  packed->train.clear();
  for (std::size_t i = 0; i < 8; i += 4) {
    text::Row row;
    for (std::size_t j = i; j < i + 4; ++j) row.sequences.push_back(rows->train[j].sequences.front());
    packed->train.push_back(row);
  }
  TrainConfig alone = kShort;
  TrainConfig joined = kShort;
  joined.batch_size = 2;
  Recorder separate;
  Recorder together;
  RunOne(*MakeFp32Trainer(bench.model, rows), bench.Job("alone", alone), separate);
  RunOne(*MakeFp32Trainer(bench.model, packed), bench.Job("joined", joined), together);
  // Every step sees all of the data, in whatever order.
  CheckClose({separate.Losses().front()}, {together.Losses().front()}, 1e-6);
  CheckClose(separate.Losses(), together.Losses(), 1e-5);
}

TEST_CASE("a pack of three with different settings trains each as alone") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 3));
  TrainConfig second = kShort;
  second.lora_rank = 2;
  second.learning_rate = 1e-2;
  second.lora_dropout = 0.3;
  second.target_modules = {"q_proj", "down_proj"};
  second.weight_decay = 0.1;
  TrainConfig third = kShort;
  third.lora_rank = 8;
  third.batch_size = 4;
  third.max_steps = 9;
  third.schedule = Schedule::kCosine;
  third.max_grad_norm = 0.01;
  JobPack pack{{bench.Job("p0", kShort), bench.Job("p1", second), bench.Job("p2", third)}};
  pack.jobs[1].seed = 77;
  Recorder together;
  const auto outcomes = trainer->Run(pack, together, {});
  REQUIRE(outcomes.ok());
  for (std::size_t slot = 0; slot < 3; ++slot) {
    CHECK((*outcomes)[slot].kind == Outcome::Kind::kCompleted);
    TrialJob job = pack.jobs[slot];
    job.output_folder = bench.folder.path() / ("solo" + std::to_string(slot));
    Recorder alone;
    RunOne(*trainer, job, alone);
    CheckClose(together.Losses(slot), alone.Losses(0), 1e-5);
    CHECK(LargestDifference(bench.AdapterOf(pack.jobs[slot]), bench.AdapterOf(job)) < 1e-5);
    const ValidationLoss& packed = *together.reports[slot].back().validation;
    CHECK(packed.Mean() == Approx(alone.reports[0].back().validation->Mean()).epsilon(1e-5));
  }
}

TEST_CASE("a slot that diverges ends with a sentence, saves nothing and leaves the others alone") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 2));
  TrainConfig wild = kShort;
  wild.learning_rate = 100;
  wild.max_grad_norm = 0;
  wild.weight_decay = 100;  // with this rate, each step multiplies the matrices by -9999
  TrainConfig calm = kShort;
  calm.max_steps = 12;
  wild.max_steps = 12;
  const JobPack pack{{bench.Job("wild", wild), bench.Job("calm", calm)}};
  Recorder together;
  const auto outcomes = trainer->Run(pack, together, {});
  REQUIRE(outcomes.ok());
  CHECK((*outcomes)[0].kind == Outcome::Kind::kDiverged);
  INFO((*outcomes)[0].reason);
  CHECK((*outcomes)[0].reason.find(" at step ") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(pack.jobs[0].output_folder / "adapter"));
  CHECK((*outcomes)[1].kind == Outcome::Kind::kCompleted);
  TrialJob solo = bench.Job("solo", calm);
  Recorder alone;
  RunOne(*trainer, solo, alone);
  CheckClose(together.Losses(1), alone.Losses(0), 1e-5);
  CHECK(LargestDifference(bench.AdapterOf(pack.jobs[1]), bench.AdapterOf(solo)) < 1e-5);
}

TEST_CASE("an interrupted trial goes on from its checkpoint with the very same numbers") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 2));
  TrainConfig config = kShort;
  config.lora_dropout = 0.1;
  config.warmup = 0.3;
  const TrialJob undisturbed = bench.Job("undisturbed", config);
  Recorder whole;
  RunOne(*trainer, undisturbed, whole);

  TrialJob job = bench.Job("interrupted", config);
  Recorder first;
  std::stop_source stop;
  first.on_progress = [&](std::size_t, const Progress& progress) {
    if (progress.step == 3) stop.request_stop();
  };
  const Outcome interrupted = RunOne(*trainer, job, first, stop.get_token());
  CHECK(interrupted.kind == Outcome::Kind::kInterrupted);
  CHECK(interrupted.step == 3);
  CHECK_FALSE(std::filesystem::exists(job.output_folder / "adapter"));

  job.checkpoint = first.last_checkpoint;
  Recorder second;
  const auto fresh = MakeFp32Trainer(bench.model, MakeData(16, 2));
  CHECK(RunOne(*fresh, job, second).kind == Outcome::Kind::kCompleted);
  REQUIRE(second.reports[0].front().step == 4);
  std::vector<double> losses = first.Losses();
  for (const double loss : second.Losses()) losses.push_back(loss);
  CHECK(losses == whole.Losses());
  CHECK(second.reports[0].back().tokens == whole.reports[0].back().tokens);
  CHECK(second.reports[0].back().validation->sequence_losses == whole.reports[0].back().validation->sequence_losses);
  CHECK(bench.AdapterOf(job) == bench.AdapterOf(undisturbed));
}

TEST_CASE("a checkpoint of another config, data or model is refused and the difference named") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(16, 2));
  TrialJob job = bench.Job("a", kShort);
  Recorder recorder;
  recorder.commands[{0, 2}] = Command::kPause;
  CHECK(RunOne(*trainer, job, recorder).kind == Outcome::Kind::kPaused);
  CHECK(std::filesystem::exists(job.output_folder / "adapter"));
  job.checkpoint = recorder.last_checkpoint;
  Recorder unused;

  TrialJob other = job;
  other.config.learning_rate = 3e-4;
  const auto outcomes = trainer->Run({{other}}, unused, {});
  CHECK(absl::IsFailedPrecondition(outcomes.status()));
  CHECK(std::string{outcomes.status().message()}.find("was made with learning_rate 0.005, this run has 0.0003") !=
        std::string::npos);

  testing::WriteTinyModel(bench.folder.path() / "other_model", 2);
  const auto other_model = MakeFp32Trainer(bench.folder.path() / "other_model", MakeData(16, 2));
  CHECK(absl::IsFailedPrecondition(other_model->Run({{job}}, unused, {}).status()));
  auto other_data = MakeData(16, 2);
  other_data->key = "other";
  CHECK(absl::IsFailedPrecondition(MakeFp32Trainer(bench.model, other_data)->Run({{job}}, unused, {}).status()));

  other = job;
  other.config.eval_every = 1;
  CHECK(RunOne(*trainer, other, unused).kind == Outcome::Kind::kCompleted);
}

TEST_CASE("checkpoints are written when they are due, but not after the last step") {
  const Workbench bench;
  TrainConfig config = kShort;
  config.save_every = 2;
  Recorder recorder;
  RunOne(*MakeFp32Trainer(bench.model, MakeData(8, 0)), bench.Job("a", config), recorder);
  CHECK(recorder.checkpoints[0] == std::vector<std::int64_t>{2, 4});
  CHECK_FALSE(recorder.reports[0].front().validation.has_value());
}

TEST_CASE("early stopping ends a trial, its adapter is the best one, also when it was interrupted in between") {
  const Workbench bench;
  const auto trainer = MakeFp32Trainer(bench.model, MakeData(8, 3));
  TrainConfig config = kShort;
  config.max_steps = 40;
  config.learning_rate = 0.3;  // rises again soon
  config.eval_every = 1;
  config.lora_dropout = 0.1;
  config.load_best_model_at_end = true;
  config.early_stopping_patience = 3;
  const TrialJob job = bench.Job("a", config);
  Recorder recorder;
  const Outcome outcome = RunOne(*trainer, job, recorder);
  CHECK(outcome.kind == Outcome::Kind::kCompleted);
  REQUIRE(outcome.best.has_value());
  REQUIRE(outcome.step < config.max_steps);
  CHECK(outcome.step == outcome.best->step + 3);
  CHECK(outcome.reason.find("no better validation loss than") == 0);
  double lowest = std::numeric_limits<double>::infinity();
  for (std::size_t step = 1; step < recorder.reports[0].size(); ++step) {
    lowest = std::min(lowest, recorder.reports[0][step].validation->Mean());
  }
  CHECK(outcome.best->loss == lowest);
  CHECK_FALSE(recorder.reports[0].front().best.has_value());
  CHECK(recorder.reports[0].back().best->step == outcome.best->step);

  TrainConfig plain = config;
  plain.load_best_model_at_end = false;
  const TrialJob until_best = bench.Job("until best", plain);
  Recorder stops;
  stops.commands[{0, outcome.best->step}] = Command::kStop;
  RunOne(*trainer, until_best, stops);
  CHECK(bench.AdapterOf(job) == bench.AdapterOf(until_best));

  TrialJob resumed = bench.Job("resumed", config);
  Recorder before;
  before.commands[{0, outcome.best->step + 2}] = Command::kPause;
  RunOne(*trainer, resumed, before);
  resumed.checkpoint = before.last_checkpoint;
  Recorder after;
  const Outcome end = RunOne(*trainer, resumed, after);
  CHECK(end.step == outcome.step);
  CHECK(end.best->step == outcome.best->step);
  CHECK(bench.AdapterOf(resumed) == bench.AdapterOf(job));
}

TEST_CASE("a complete trial is tested on the hold-out rows, with the adapter that it keeps") {
  const Workbench bench;
  auto data = MakeData(8, 3);
  data->test = data->validation;
  const auto trainer = MakeFp32Trainer(bench.model, data);
  TrainConfig config = kShort;
  config.max_steps = 40;
  config.learning_rate = 0.3;  // rises again soon
  config.eval_every = 1;
  config.lora_dropout = 0.1;
  config.load_best_model_at_end = true;
  config.early_stopping_patience = 3;
  Recorder recorder;
  const Outcome outcome = RunOne(*trainer, bench.Job("a", config), recorder);
  REQUIRE(outcome.best->step < outcome.step);
  REQUIRE(outcome.test.has_value());
  CHECK(outcome.test->Mean() == outcome.best->loss);
  Recorder stopped;
  stopped.commands[{0, 2}] = Command::kStop;
  CHECK_FALSE(RunOne(*trainer, bench.Job("b", config), stopped).test.has_value());
  CHECK_FALSE(RunOne(*MakeFp32Trainer(bench.model, MakeData(8, 3)), bench.Job("c", config), recorder).test.has_value());
}

TEST_CASE("a trial stopped at step 0 keeps its untrained adapter, whose B is zero") {
  const Workbench bench;
  Recorder recorder;
  recorder.commands[{0, 0}] = Command::kStop;
  const TrialJob job = bench.Job("a", kShort);
  const Outcome outcome = RunOne(*MakeFp32Trainer(bench.model, MakeData(8, 2)), job, recorder);
  CHECK(outcome.kind == Outcome::Kind::kStopped);
  CHECK(outcome.step == 0);
  CHECK(recorder.checkpoints.empty());
  const std::vector<float> values = bench.AdapterOf(job);
  const auto model = text::LoadModelConfig(bench.model);
  const AdapterLayout layout(*model, std::vector<std::int64_t>(text::ModuleNames(*model).size(), kShort.lora_rank),
                             false);
  const LoraSite& site = layout.sites().front();
  float largest = 0;
  for (std::int64_t i = 0; i < site.rank * site.shape.in; ++i) {
    largest = std::max(largest, std::abs(values[static_cast<std::size_t>(site.a_offset + i)]));
  }
  CHECK(largest > 0.9F / std::sqrt(32.0F));
  CHECK(largest <= 1 / std::sqrt(32.0F));
  for (std::int64_t i = 0; i < site.rank * site.shape.out; ++i) {
    REQUIRE(values[static_cast<std::size_t>(site.b_offset + i)] == 0);
  }
}

TEST_CASE("a step without any target changes nothing and is no division by zero") {
  const Workbench bench;
  auto data = MakeData(1, 1);
  std::fill(data->train[0].sequences[0].learned.begin(), data->train[0].sequences[0].learned.end(), 0);
  Recorder recorder;
  CHECK(RunOne(*MakeFp32Trainer(bench.model, data), bench.Job("a", kShort), recorder).kind ==
        Outcome::Kind::kCompleted);
  CHECK(recorder.Losses() == std::vector<double>(6, 0.0));
}

TEST_CASE("bf16 stays near fp32") {
  const Workbench bench;
  const auto data = MakeData(16, 3);
  const auto narrow = MakeTrainer({.device = "cpu", .precision = Precision::kBf16, .threads = 1}, bench.model, data);
  REQUIRE(narrow.ok());
  CHECK((*narrow)->description() == "cpu bf16");
  Recorder a;
  Recorder b;
  RunOne(*MakeFp32Trainer(bench.model, data), bench.Job("a", kShort), a);
  RunOne(**narrow, bench.Job("b", kShort), b);
  CheckClose(a.Losses(), b.Losses(), 0.02);
}

TEST_CASE("what cannot be trained is refused with the reason") {
  const Workbench bench;
  const auto data = MakeData(4, 1);
  const auto message = [](const auto& result) { return std::string{result.status().message()}; };
  CHECK(message(MakeTrainer({.device = "cuda:99"}, bench.model, data)).find("device 'cuda:99' is not here") == 0);
  CHECK_FALSE(MakeTrainer({.device = "cpu"}, bench.folder.path() / "nowhere", data).ok());

  auto foreign = std::make_shared<text::TokenizedData>(*data);
  foreign->train[0].sequences[0].ids[0] = testing::kTinyVocabulary;
  CHECK(message(MakeTrainer({.device = "cpu"}, bench.model, foreign)).find("token id 64") == 0);

  const auto trainer = MakeFp32Trainer(bench.model, data);
  Recorder recorder;
  CHECK(absl::IsInvalidArgument(trainer->Run({}, recorder, {}).status()));
  CHECK(message(trainer->Run({{bench.Job("x", {.lora_rank = 0})}}, recorder, {})) ==
        "x: lora_rank is 0; allowed is 1 to 4096");
}

TEST_CASE("the processor is a device") {
  const std::vector<DeviceInfo> devices = ListDevices();
  REQUIRE_FALSE(devices.empty());
  CHECK(devices[0].name == "cpu");
  CHECK(devices[0].memory_bytes > 1 << 28);
}

}  // namespace
}  // namespace lorasweep::trainer
