// What training really allocates: against the memory model, and with and without each technique that saves memory.
#include <cstdio>

#include "tests/support/torch_catch.h"

#include "bench/random_model.h"
#include "tests/support/tensor_memory.h"
#include "tests/trainer_core/trainer/tiny_model.h"
#include "trainer_core/text/linear_modules.h"
#include "trainer_core/text/memory_model.h"
#include "trainer_core/trainer/token_loss.h"

namespace lorasweep::trainer {
namespace {

using bench::ModelShape;
using testing::Recorder;
using Weights = text::MemorySettings::Weights;

struct Configuration {
  const char* name = "";
  ModelShape shape = {};
  TrainerOptions options = {};
  std::int64_t slots = 1;
  std::int64_t rank = 16;
  std::size_t learned_from = 1;  // of 256 tokens
  Optimizer optimizer = Optimizer::kAdamW;
  std::int64_t batch_size = 4;
  bool short_rows = false;  // rows of 64, 128, 192 and 256 tokens in place of 256 each
  std::vector<std::string> modules_to_save = {};
  double tolerance = 0.1;
};

// The highest sum of tensors' bytes of two steps, from loading on.
std::int64_t Measure(const std::filesystem::path& model, const Configuration& wanted,
                     const std::filesystem::path& output) {
  auto data = std::make_shared<text::TokenizedData>();
  data->key = "memory";
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t tokens = wanted.short_rows ? 64 * (i % 4 + 1) : 256;
    data->train.push_back({{testing::MakeSequence(i, tokens + 1, wanted.learned_from,
                                                  static_cast<std::uint64_t>(wanted.shape.vocabulary))}});
  }
  const testing::TensorMemory memory;
  TrainerOptions options = wanted.options;
  options.device = "cpu";
  options.threads = std::max(1, options.threads);
  const auto trainer = MakeTrainer(options, model, data);
  REQUIRE(trainer.ok());
  JobPack pack;
  for (std::int64_t slot = 0; slot < wanted.slots; ++slot) {
    pack.jobs.push_back({.config = {.max_steps = 2,
                                    .batch_size = wanted.batch_size,
                                    .optimizer = wanted.optimizer,
                                    .lora_rank = wanted.rank,
                                    .whole = {.modules_to_save = wanted.modules_to_save},
                                    .save_every = 0},
                         .output_folder = output / std::to_string(slot)});
  }
  Recorder recorder;
  const auto outcomes = (*trainer)->Run(pack, recorder, {});
  REQUIRE(outcomes.ok());
  REQUIRE(outcomes->front().kind == Outcome::Kind::kCompleted);
  return memory.peak();
}

text::MemoryUse Predict(const std::filesystem::path& model, const Configuration& wanted) {
  const auto config = text::LoadModelConfig(model);
  REQUIRE(config.ok());
  const TrainerOptions& options = wanted.options;
  text::MemorySettings settings{.element_bytes = options.precision == Precision::kFp32 ? 4 : 2,
                                .gradient_checkpointing = options.gradient_checkpointing,
                                .slots = wanted.slots,
                                .lanes = std::max(1, options.threads),
                                .micro_batch_tokens = options.micro_batch_tokens,
                                .learned_share = static_cast<double>(257 - wanted.learned_from) / 256.0};
  if (options.quantization == Quantization::kInt8) settings.weights = Weights::kInt8;
  if (options.quantization == Quantization::kNf4) {
    settings.weights = options.double_quantization ? Weights::kFourBitDouble : Weights::kFourBit;
  }
  settings.adapter_outputs = wanted.rank * static_cast<std::int64_t>(text::LinearModules(*config).size());
  const auto adapters = text::ResolveTargets({.rank = wanted.rank}, *config);
  REQUIRE(adapters.ok());
  const auto whole = text::ResolveWhole({.modules_to_save = wanted.modules_to_save}, *adapters, *config);
  REQUIRE(whole.ok());
  const text::TrainedCount trained = text::CountTrained(*config, *adapters, *whole);
  settings.adapter_parameters = trained.all;
  settings.whole_head = trained.whole_head;
  return text::PredictMemory(*config, settings);
}

TEST_CASE("the memory model is within 10 % of what twelve configurations allocate, and within 5 % for packs") {
  const testing::TempDir temp;
  const auto fp32 = Precision::kFp32;
  const auto bf16 = Precision::kBf16;
  const ModelShape wide_head{.layers = 3, .vocabulary = 32768};
  const ModelShape large{.hidden = 512, .inner = 1408, .layers = 4, .vocabulary = 8192};
  std::vector<Configuration> all = {
      {.name = "fp32", .options = {.precision = fp32, .micro_batch_tokens = 1024}},
      {.name = "fp32, micro-batch halved", .options = {.precision = fp32, .micro_batch_tokens = 512}},
      {.name = "fp32, gradient checkpointing",
       .options = {.precision = fp32, .gradient_checkpointing = true, .micro_batch_tokens = 1024}},
      {.name = "bf16", .options = {.precision = bf16, .micro_batch_tokens = 1024}},
      {.name = "bf16, three slots, rank 8",
       .options = {.precision = bf16, .micro_batch_tokens = 768},
       .slots = 3,
       .rank = 8},
      {.name = "fp32, vocabulary 32768",
       .shape = wide_head,
       .options = {.precision = fp32, .micro_batch_tokens = 1024}},
      {.name = "fp32, vocabulary 32768, quarter learned, checkpointing",
       .shape = wide_head,
       .options = {.precision = fp32, .gradient_checkpointing = true, .micro_batch_tokens = 1024},
       .learned_from = 193},
      {.name = "fp32, two lanes", .options = {.precision = fp32, .threads = 2, .micro_batch_tokens = 1024}},
      {.name = "bf16, larger", .shape = large, .options = {.precision = bf16, .micro_batch_tokens = 256}},
      {.name = "bf16 nf4, larger, rank 64",
       .shape = large,
       .options = {.precision = bf16, .quantization = Quantization::kNf4, .micro_batch_tokens = 256},
       .rank = 64},
      {.name = "bf16 int8, larger, checkpointing",
       .shape = large,
       .options = {.precision = bf16,
                   .quantization = Quantization::kInt8,
                   .gradient_checkpointing = true,
                   .micro_batch_tokens = 256}},
      {.name = "bf16, head and embedding trained whole, two slots",
       .options = {.precision = bf16, .micro_batch_tokens = 512},
       .slots = 2,
       .modules_to_save = {"lm_head", "embed_tokens"}},
  };
  for (const Configuration& pack : {
           Configuration{
               .name = "fp32, pack of 2", .options = {.precision = fp32, .micro_batch_tokens = 1024}, .slots = 2},
           Configuration{
               .name = "fp32, pack of 4", .options = {.precision = fp32, .micro_batch_tokens = 1024}, .slots = 4},
           Configuration{
               .name = "bf16, pack of 4", .options = {.precision = bf16, .micro_batch_tokens = 1024}, .slots = 4},
           Configuration{
               .name = "fp32, pack of 8", .options = {.precision = fp32, .micro_batch_tokens = 2048}, .slots = 8},
       }) {
    all.push_back(pack);
    all.back().tolerance = 0.05;
  }
  std::printf("%-56s %12s %12s %8s\n", "configuration", "predicted MB", "measured MB", "error");
  for (const Configuration& configuration : all) {
    INFO(configuration.name);
    const auto model = temp.path() / "model";
    std::filesystem::remove_all(model);
    REQUIRE(bench::WriteRandomModel(configuration.shape, model).ok());
    const auto measured = static_cast<double>(Measure(model, configuration, temp.path() / "out"));
    const text::MemoryUse use = Predict(model, configuration);
    const auto predicted = static_cast<double>(use.total());
    std::printf("%-56s %12.1f %12.1f %+7.1f%%\n", configuration.name, predicted / 1e6, measured / 1e6,
                100 * (predicted / measured - 1));
    CHECK(predicted / measured == Approx(1).margin(configuration.tolerance));
  }
}

// Highest bytes of the loss of 1,024 tokens over 32,768 words and its gradient.
std::int64_t MeasureLoss(bool chunked) {
  const at::Tensor head = at::full({32768, 256}, 0.01);
  const at::Tensor targets = at::arange(1024);
  const testing::TensorMemory memory;
  const at::Tensor hidden = at::full({1, 1024, 256}, 0.1).requires_grad_(true);
  const at::Tensor loss = chunked ? HeadLoss(hidden, head, targets, {1.0}).total
                                  : at::cross_entropy_loss(at::linear(hidden[0], head), targets);
  loss.backward();
  return memory.peak();
}

TEST_CASE("each technique cuts the highest use of memory as docs/algorithms.md says") {
  struct Technique {
    const char* name;
    Configuration without;
    Configuration with;
    double documented;  // share of the memory that is left
  };
  const TrainerOptions plain{.precision = Precision::kBf16, .micro_batch_tokens = 1024};
  const auto changed = [&](const auto& change) {
    TrainerOptions options = plain;
    change(options);
    return options;
  };
  const ModelShape wide{.hidden = 512, .inner = 1408, .layers = 4, .vocabulary = 1024};
  const TrainerOptions small = changed([](TrainerOptions& o) { o.micro_batch_tokens = 256; });
  const TrainerOptions large = changed([](TrainerOptions& o) { o.micro_batch_tokens = 2048; });
  const Technique all[] = {
      {.name = "gradient_checkpointing",
       .without = {.options = plain},
       .with = {.options = changed([](TrainerOptions& o) { o.gradient_checkpointing = true; })},
       .documented = 0.5},
      {.name = "micro-batches of a quarter",
       .without = {.options = plain},
       .with = {.options = small},
       .documented = 0.5},
      {.name = "quantization: int8",
       .without = {.shape = wide, .options = small},
       .with = {.shape = wide, .options = changed([](TrainerOptions& o) {
                                 o.quantization = Quantization::kInt8;
                                 o.micro_batch_tokens = 256;
                               })},
       .documented = 0.9},
      {.name = "quantization: nf4",
       .without = {.shape = wide, .options = small},
       .with = {.shape = wide, .options = changed([](TrainerOptions& o) {
                                 o.quantization = Quantization::kNf4;
                                 o.micro_batch_tokens = 256;
                               })},
       .documented = 0.8},
      {.name = "optim: adamw_8bit, rank 128",
       .without = {.options = small, .rank = 128},
       .with = {.options = small, .rank = 128, .optimizer = Optimizer::kAdamW8bit},
       .documented = 0.8},
      {.name = "rows of 64 to 256 tokens, not padded",
       .without = {.options = large, .batch_size = 8},
       .with = {.options = large, .batch_size = 8, .short_rows = true},
       .documented = 0.75},
  };
  const testing::TempDir temp;
  const auto check = [](const char* name, std::int64_t without, std::int64_t with, double documented) {
    const double share = static_cast<double>(with) / static_cast<double>(without);
    std::printf("%-40s %8.1f MB %8.1f MB %6.2f\n", name, static_cast<double>(without) / 1e6,
                static_cast<double>(with) / 1e6, share);
    INFO(name);
    CHECK(share < documented);
  };
  for (const Technique& technique : all) {
    const auto measure = [&](const Configuration& configuration) {
      const auto model = temp.path() / "model";
      std::filesystem::remove_all(model);
      REQUIRE(bench::WriteRandomModel(configuration.shape, model).ok());
      return Measure(model, configuration, temp.path() / "out");
    };
    check(technique.name, measure(technique.without), measure(technique.with), technique.documented);
  }
  check("cross-entropy in chunks", MeasureLoss(false), MeasureLoss(true), 0.5);
}

TEST_CASE("the micro-batch is the largest that fits") {
  const testing::TempDir temp;
  REQUIRE(bench::WriteRandomModel({}, temp.path()).ok());
  const auto config = text::LoadModelConfig(temp.path());
  REQUIRE(config.ok());
  const text::MemorySettings settings{.element_bytes = 4, .adapter_parameters = 100'000, .adapter_outputs = 112};
  CHECK(text::FittingMicroBatch(*config, settings, std::int64_t{1} << 40, 128, 2048) == 2048);
  CHECK(text::FittingMicroBatch(*config, settings, 0, 128, 2048) == 128);
  const std::int64_t tokens = text::FittingMicroBatch(*config, settings, 100'000'000, 128, 2048);
  text::MemorySettings just = settings;
  just.micro_batch_tokens = tokens;
  CHECK(text::PredictMemory(*config, just).total() <= 100'000'000);
  just.micro_batch_tokens = tokens + 1;
  CHECK(text::PredictMemory(*config, just).total() > 100'000'000);
}

}  // namespace
}  // namespace lorasweep::trainer
