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
  }
  return probe;
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
  std::size_t passes = 1;  // one after another
  for (const std::vector<TokenBatch>& lane : batches) passes = std::max(passes, lane.size());
  const PassLoss loss{.coefficients = std::vector<double>(numbers.size(), 1.0),
                      .smoothing = std::vector<double>(numbers.size(), 0.0)};

  text::PackSpeed speed{.slots = slots};
  for (int round = 0; round < kRounds; ++round) {
    const Clock::time_point start = Clock::now();
    // The first calls of every shape prepare kernels, which is no matter where a pass is long beyond doubt.
    const double long_pass = (round == 0 ? 4 : 1) * text::kLongPassSeconds;
    LoraPass pass = bank.TrainingPass(numbers, std::vector<std::int64_t>(numbers.size(), 0), model.type());
    PassOverAll(*resident_.lanes, model, batches, loss, pass);
    const double pass_seconds = SecondsSince(start) / static_cast<double>(passes);
    // Its result is read: a GPU has finished.
    RowNorms(pass.gradients);
    StepSlots(steps, pass.gradients, bank);
    const double rate = static_cast<double>(slots * tokens_) / SecondsSince(start);
    if ((round > 0 || pass_seconds > long_pass) && rate > speed.tokens_per_second) {
      speed.tokens_per_second = rate;
      speed.pass_seconds = pass_seconds;
    }
    if (pass_seconds > long_pass) break;
  }
  return speed;
}

}  // namespace lorasweep::trainer
