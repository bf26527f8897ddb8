// What saves memory changes no result: quantised weights, recomputed activations, shrinking micro-batches, fp16.
#include "tests/support/torch_catch.h"

#include "tests/support/tensor_memory.h"
#include "tests/trainer_core/trainer/small_tensors.h"
#include "tests/trainer_core/trainer/tiny_model.h"
#include "trainer_core/trainer/activation_checkpoint.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/frozen_weight.h"
#include "trainer_core/trainer/quantized_tensors.h"

namespace lorasweep::trainer {
namespace {

using testing::Random;
using testing::Recorder;

struct Bench {
  testing::TempDir folder;
  std::filesystem::path model = folder.path() / "model";
  std::shared_ptr<text::TokenizedData> data = testing::MakeData(12, 5);
  std::vector<std::string> log;

  Bench() { testing::WriteTinyModel(model); }

  std::unique_ptr<Trainer> Make(TrainerOptions options) {
    options.device = "cpu";
    options.threads = 1;
    options.log = [this](std::string_view line) { log.emplace_back(line); };
    auto made = MakeTrainer(options, model, data);
    INFO(std::string{made.status().message()});
    REQUIRE(made.ok());
    return *std::move(made);
  }

  TrialJob Job(const std::string& name, double dropout = 0, double rate = 5e-3) const {
    return {.config = {.max_steps = 6,
                       .batch_size = 4,
                       .learning_rate = rate,
                       .lora_rank = 4,
                       .lora_dropout = dropout,
                       .eval_every = 3,
                       .save_every = 0},
            .data_seed = 3,
            .seed = 4,
            .output_folder = folder.path() / name};
  }

  std::vector<float> Adapter(const std::string& name) const {
    const auto config = text::LoadModelConfig(model);
    REQUIRE(config.ok());
    const auto adapter = ReadAdapter(folder.path() / name / "adapter", *config);
    REQUIRE(adapter.ok());
    return adapter->values;
  }
};

double Distance(const std::vector<double>& left, const std::vector<double>& right) {
  REQUIRE(left.size() == right.size());
  double distance = 0;
  for (std::size_t i = 0; i < left.size(); ++i) distance = std::max(distance, std::abs(left[i] / right[i] - 1));
  return distance;
}

TEST_CASE("quantised weights are what their blocks stand for, in every type that computes") {
  const at::Tensor values = Random({10, 96}, 1);
  for (const Quantization kind : {Quantization::kNf4, Quantization::kFp4, Quantization::kInt8}) {
    for (const bool twice : {false, true}) {
      at::Tensor wide;
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
        auto store = std::make_shared<WeightStore>(
            WeightStore{.quantization = kind, .double_quantization = twice, .type = type});
        const FrozenWeight weight(values, store);
        const at::Tensor got = weight.Values().clone();
        REQUIRE(got.scalar_type() == type);
        REQUIRE(got.sizes() == values.sizes());
        if (!wide.defined()) wide = got;
        CHECK(at::equal(got, wide.to(type)));
      }
      const double error = ((wide - values).norm() / values.norm()).item().toDouble();
      CHECK(error < (kind == Quantization::kInt8 ? 0.01 : 0.13));
      CHECK(error > 0.001);
    }
  }
  // Two weights share one buffer: each call for values brings the right ones.
  auto store = std::make_shared<WeightStore>(WeightStore{.quantization = Quantization::kNf4});
  const FrozenWeight first(values, store);
  const FrozenWeight second(values.narrow(0, 0, 4) * 2, store);
  const at::Tensor once = first.Values().clone();
  CHECK(second.Values().sizes() == at::IntArrayRef({4, 96}));
  CHECK(at::equal(first.Values(), once));
}

TEST_CASE("recomputed activations give the same gradients bit for bit") {
  const at::Tensor weight = Random({6, 6}, 2);
  const auto block = [&](const at::Tensor& x) { return at::tanh(at::matmul(x, weight)) * x; };
  at::Tensor gradients[2];
  for (const int recompute : {0, 1}) {
    const at::Tensor x = Random({5, 6}, 3).requires_grad_(true);
    at::Tensor h = x;
    for (int i = 0; i < 3; ++i) h = recompute == 1 ? Recomputed(h, at::Tensor(), block) : block(h);
    h.square().sum().backward();
    gradients[recompute] = x.grad();
  }
  CHECK(at::equal(gradients[0], gradients[1]));
}

TEST_CASE("a pack with gradient checkpointing trains the same adapters bit for bit, dropout included") {
  Bench bench;
  for (const std::string name : {"kept", "recomputed"}) {
    const auto trainer = bench.Make({.precision = Precision::kFp32, .gradient_checkpointing = name == "recomputed"});
    Recorder recorder;
    const auto outcomes = trainer->Run({{bench.Job(name, 0.3), bench.Job(name + "2", 0, 1e-2)}}, recorder, {});
    REQUIRE(outcomes.ok());
    CHECK(recorder.Losses(1).back() < recorder.Losses(1).front());
  }
  CHECK(bench.Adapter("kept") == bench.Adapter("recomputed"));
  CHECK(bench.Adapter("kept2") == bench.Adapter("recomputed2"));
}

TEST_CASE("a quantised base learns like the base itself, and is another model to checkpoints") {
  Bench bench;
  Recorder plain;
  testing::RunOne(*bench.Make({.precision = Precision::kFp32}), bench.Job("plain"), plain);
  for (const auto& [quantization, mark, tolerance] :
       {std::tuple{Quantization::kNf4, "nf4, double", 0.2}, std::tuple{Quantization::kFp4, "fp4, double", 0.3},
        std::tuple{Quantization::kInt8, "int8", 0.02}}) {
    INFO(mark);
    const auto trainer = bench.Make({.precision = Precision::kFp32, .quantization = quantization});
    CHECK(trainer->description() == std::string("cpu fp32 ") + mark);
    Recorder recorder;
    TrialJob job = bench.Job(mark);
    job.config.save_every = 3;
    testing::RunOne(*trainer, job, recorder);
    const double distance = Distance(recorder.Losses(), plain.Losses());
    CHECK(distance > 1e-6);
    CHECK(distance < tolerance);
    CHECK(recorder.Losses().back() < recorder.Losses().front());

    job.checkpoint = recorder.last_checkpoint;
    Recorder again;
    const auto foreign = bench.Make({.precision = Precision::kFp32})->Run({{job}}, again, {});
    CHECK(absl::IsFailedPrecondition(foreign.status()));
    job.output_folder += "-resumed";
    testing::RunOne(*trainer, job, again);
    CHECK(again.Losses().back() == recorder.Losses().back());
  }
}

TEST_CASE("micro-batches shrink when memory runs out, and the numbers stay") {
  Bench bench;
  const TrainerOptions options{.precision = Precision::kFp32, .micro_batch_tokens = 10000};
  Recorder roomy;
  testing::RunOne(*bench.Make(options), bench.Job("roomy"), roomy);
  testing::TensorMemory memory;
  const auto trainer = bench.Make(options);
  const std::int64_t resident = memory.used();
  Recorder measured;
  testing::RunOne(*trainer, bench.Job("measured"), measured);
  const std::int64_t needed = memory.peak() - resident;
  bench.log.clear();
  memory.SetLimit(resident + needed * 3 / 4);
  Recorder tight;
  REQUIRE(testing::RunOne(*trainer, bench.Job("tight"), tight).kind == Outcome::Kind::kCompleted);
  CHECK(std::any_of(bench.log.begin(), bench.log.end(),
                    [](const std::string& line) { return line.find("out of memory: micro-batches shrink") == 0; }));
  CHECK(Distance(tight.Losses(), roomy.Losses()) < 1e-5);

  memory.SetLimit(resident + 1000);
  Recorder hopeless;
  const Outcome outcome = testing::RunOne(*trainer, bench.Job("hopeless"), hopeless);
  CHECK(outcome.kind == Outcome::Kind::kOutOfMemory);
  CHECK(outcome.reason.find("does not fit on cpu") == 0);
}

TEST_CASE("fp16 trains like fp32, with its loss scale in the checkpoint") {
  Bench bench;
  Recorder wide;
  testing::RunOne(*bench.Make({.precision = Precision::kFp32}), bench.Job("wide"), wide);
  const auto trainer = bench.Make({.precision = Precision::kFp16});
  Recorder narrow;
  TrialJob job = bench.Job("narrow");
  job.config.save_every = 3;
  testing::RunOne(*trainer, job, narrow);
  CHECK(narrow.Losses().front() == Approx(wide.Losses().front()).epsilon(1e-3));
  // The first steps overflow at the initial scale and are left out, so that it is a little behind.
  CHECK(Distance(narrow.Losses(), wide.Losses()) < 0.15);
  CHECK(narrow.Losses().back() < narrow.Losses().front());
  job.checkpoint = narrow.last_checkpoint;
  job.output_folder += "-resumed";
  Recorder resumed;
  testing::RunOne(*trainer, job, resumed);
  CHECK(resumed.Losses().back() == narrow.Losses().back());
  CHECK(bench.Adapter("narrow") == bench.Adapter("narrow-resumed"));
}

TEST_CASE("a pack of 8-bit and 32-bit AdamW goes on from its checkpoints with the same bits") {
  Bench bench;
  const auto trainer = bench.Make({.precision = Precision::kFp32});
  const auto jobs = [&](const std::string& name) {
    JobPack pack;
    for (const bool narrow : {true, false}) {
      TrialJob job = bench.Job(name + (narrow ? "-8bit" : "-32bit"));
      job.config.optimizer = narrow ? Optimizer::kAdamW8bit : Optimizer::kAdamW;
      job.config.lora_rank = narrow ? 128 : 4;  // matrices of 4096 elements and more
      job.config.save_every = 3;
      pack.jobs.push_back(job);
    }
    return pack;
  };
  JobPack whole = jobs("whole");
  Recorder undisturbed;
  REQUIRE(trainer->Run(whole, undisturbed, {}).ok());
  CHECK(undisturbed.Losses(0).back() < undisturbed.Losses(0).front());
  JobPack rest = jobs("rest");
  for (std::size_t slot = 0; slot < 2; ++slot) {
    rest.jobs[slot].checkpoint = whole.jobs[slot].output_folder / "checkpoint.safetensors";
  }
  Recorder resumed;
  const auto outcomes = trainer->Run(rest, resumed, {});
  INFO(std::string{outcomes.status().message()});
  REQUIRE(outcomes.ok());
  for (const std::string kind : {"-8bit", "-32bit"})
    CHECK(bench.Adapter("whole" + kind) == bench.Adapter("rest" + kind));

  // Alone, without room for 32-bit moments beside them, the numbers are the same.
  TrialJob alone = jobs("alone").jobs[0];
  Recorder solo;
  testing::RunOne(*trainer, alone, solo);
  CHECK(Distance(solo.Losses(), undisturbed.Losses(0)) < 1e-5);
}

TEST_CASE("a learning rate that blows the model up ends the trial as diverged, with the reason") {
  Bench bench;
  TrialJob job = bench.Job("wild", 0, 100);
  job.config.max_steps = 60;
  job.config.schedule = Schedule::kConstant;
  Recorder recorder;
  const Outcome outcome = testing::RunOne(*bench.Make({.precision = Precision::kFp16}), job, recorder);
  CHECK(outcome.kind == Outcome::Kind::kDiverged);
  INFO(outcome.reason);
  CHECK((outcome.reason.find("loss exploded") == 0 || outcome.reason.find(" is nan") != std::string::npos ||
         outcome.reason.find(" is infinite") != std::string::npos));
  CHECK(outcome.step < 60);
}

}  // namespace
}  // namespace lorasweep::trainer
