#include "trainer_core/trainer/pack_probe.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "trainer_core/text/memory_model.h"
#include "trainer_core/text/whole_parameters.h"
#include "trainer_core/trainer/optimizer.h"
#include "trainer_core/trainer/torch_guard.h"
#include "trainer_core/trainer/training_pass.h"

namespace lorasweep::trainer {
namespace {

using Clock = std::chrono::steady_clock;

// Other programs disturb single rounds. The first prepares kernels for its shapes and does not count.
constexpr int kRounds = 4;
// Short ones are disturbed more: there are more of them, until so much time went by.
constexpr double kLeastSeconds = 0.25;
// Later ones are left out once so much time went by.
constexpr double kEnoughSeconds = 2;
// In a round of this length it is little that its kernels took to prepare.
constexpr double kLongRoundSeconds = 8;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Optimizer EightBitOptimizer(Moments8bit::Rule rule) {
  return rule == Moments8bit::Rule::kLion ? Optimizer::kLion8bit : Optimizer::kAdamW8bit;
}

}  // namespace

absl::StatusOr<PackProbe> PackProbe::Make(ResidentModel& resident, const TrialJob& job) {
  if (absl::Status valid = job.config.Validate(); !valid.ok()) return valid;
  if (resident.data->train.empty()) return absl::InvalidArgumentError("the data has no training rows");
  const absl::StatusOr<AdapterSetup> setup = SetUpAdapter(job, resident.model.config());
  if (!setup.ok()) return setup.status();
  PackProbe probe(resident, SlotAdapterOf(job, *setup));
  const text::DataOrder order(job.data_seed, static_cast<std::int64_t>(resident.data->train.size()));
  // A step of many passes is as fast as one of a few.
  for (std::int64_t i = 0; i < job.config.batch_size && probe.tokens_ < 2 * resident.micro_batch_tokens; ++i) {
    for (const text::Sequence& sequence : resident.data->train[static_cast<std::size_t>(order.At(i))].sequences) {
      probe.rows_.push_back(&sequence);
      probe.tokens_ += NeededTokens(sequence);
    }
    ++probe.measured_rows_;
  }
  return probe;
}

double PackProbe::TrialTokens(const TrialJob& job) const {
  const double rows = static_cast<double>(job.config.max_steps) * static_cast<double>(job.config.batch_size);
  return rows * static_cast<double>(tokens_) / static_cast<double>(measured_rows_);
}

bool PackProbe::Fits(std::int64_t slots) const {
  text::MemorySettings settings = resident_.memory;
  settings.slots = slots;
  settings.micro_batch_tokens = std::min(resident_.micro_batch_tokens, slots * tokens_);
  const text::ModelConfig& model = resident_.model.config();
  const text::TrainedCount trained = text::CountTrained(model, adapter_.modules, adapter_.whole);
  settings.adapter_parameters = trained.all;
  settings.whole_head = trained.whole_head;
  std::int64_t ranks = 0;
  for (const text::ModuleAdapter& module : adapter_.modules) ranks += module.rank;
  settings.adapter_outputs = ranks / model.layers;
  if (adapter_.moments_in_8bit) settings.moment_bytes = 2.03;
  return text::PredictMemory(model, settings).total() <= resident_.memory_bytes;
}

absl::StatusOr<text::PackSpeed> PackProbe::Measure(std::int64_t slots) {
  return TorchGuard([&]() -> absl::StatusOr<text::PackSpeed> { return MeasureSteps(slots); });
}

text::PackSpeed PackProbe::MeasureSteps(std::int64_t slots) {
  Transformer& model = resident_.model;
  LoraBank bank(model.config(), std::vector<SlotAdapter>(static_cast<std::size_t>(slots), adapter_), model.device(),
                [&model](std::size_t parameter) { return model.Parameter(parameter); });
  std::vector<std::size_t> numbers(static_cast<std::size_t>(slots));
  std::iota(numbers.begin(), numbers.end(), 0);
  std::vector<SlotStep> steps;
  for (const std::size_t slot : numbers) {
    steps.push_back({.slot = slot, .gradient_row = static_cast<std::int64_t>(slot), .settings = {.step = 1}});
    if (adapter_.moments_in_8bit) steps.back().optimizer = EightBitOptimizer(*adapter_.moments_in_8bit);
  }
  const std::vector<std::vector<TokenBatch>> batches =
      SplitAmongLanes(rows_, std::max<std::int64_t>(1, resident_.micro_batch_tokens / slots),
                      resident_.lanes->CountFor(slots * tokens_));
  const PassLoss loss{.coefficients = std::vector<double>(numbers.size(), 1.0),
                      .smoothing = std::vector<double>(numbers.size(), 0.0)};

  text::PackSpeed speed{.slots = slots};
  const Clock::time_point begin = Clock::now();
  for (int round = 0; round < kRounds || speed.seconds < kLeastSeconds; ++round) {
    const Clock::time_point start = Clock::now();
    LoraPass pass = bank.TrainingPass(numbers, std::vector<std::int64_t>(numbers.size(), 0), model.type());
    PassOverAll(*resident_.lanes, model, batches, loss, pass);
    // Its result is read: a GPU has finished.
    RowNorms(pass.gradients);
    StepSlots(steps, pass.gradients, bank);
    const double seconds = SecondsSince(start);
    speed.seconds = SecondsSince(begin);
    if (round > 0 || seconds > kLongRoundSeconds) {
      speed.tokens_per_second = std::max(speed.tokens_per_second, static_cast<double>(slots * tokens_) / seconds);
      if (speed.seconds > kEnoughSeconds) break;
    }
  }
  return speed;
}

}  // namespace lorasweep::trainer
