#include <algorithm>
#include <string>

#include <ATen/ATen.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/linear_modules.h"
#include "trainer_core/text/memory_model.h"
#include "trainer_core/trainer/compute_type.h"
#include "trainer_core/trainer/devices.h"
#include "trainer_core/trainer/lanes.h"
#include "trainer_core/trainer/pack_probe.h"
#include "trainer_core/trainer/pack_run.h"
#include "trainer_core/trainer/process.h"
#include "trainer_core/trainer/run_identity.h"
#include "trainer_core/trainer/torch_guard.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {
namespace {

// What a model's numbers depend on beside its files; empty where it is used as it is.
std::string QuantizationMark(const TrainerOptions& options) {
  const std::string scales = options.double_quantization ? ", double" : "";
  switch (options.quantization) {
    case Quantization::kNone:
      return "";
    case Quantization::kNf4:
      return absl::StrCat(" nf4", scales);
    case Quantization::kFp4:
      return absl::StrCat(" fp4", scales);
    case Quantization::kInt8:
      return " int8";
  }
  return "";
}

// What every training on the model takes, whatever its slots and adapters.
text::MemorySettings MemoryOf(const Transformer& model, const DeviceInfo& device, const TrainerOptions& options) {
  text::MemorySettings settings{.element_bytes = static_cast<std::int64_t>(at::elementSize(model.type())),
                                .gradient_checkpointing = options.gradient_checkpointing,
                                .gpu = device.name != "cpu",
                                .composed = device.name != "cpu" || model.type() == at::kHalf || PlainPath()};
  if (options.quantization == Quantization::kInt8) {
    settings.weights = text::MemorySettings::Weights::kInt8;
  } else if (options.quantization != Quantization::kNone) {
    settings.weights = options.double_quantization ? text::MemorySettings::Weights::kFourBitDouble
                                                   : text::MemorySettings::Weights::kFourBit;
  }
  return settings;
}

// Of a CPU's memory others use half; the rest of a GPU's is for what its allocator leaves unused.
std::int64_t MemoryBytes(const DeviceInfo& device) {
  return device.name == "cpu" ? device.memory_bytes / 2 : device.memory_bytes / 10 * 8;
}

// A GPU is busy with one pass at a time, and weights kept in few bits are used from one buffer. More lanes would each
// read all weights for few tokens.
int LaneCount(const Transformer& model, const TrainerOptions& options) {
  constexpr int kMostLanes = 4;
  if (!model.device().is_cpu() || options.quantization != Quantization::kNone || PlainPath()) return 1;
  return std::min(UsedThreads(), kMostLanes);
}

// As many tokens in a forward pass as fit, within what still speeds a device up. An adapter of common size stands for
// those to come.
std::int64_t MicroBatchTokens(const Transformer& model, text::MemorySettings settings, std::int64_t bytes) {
  constexpr std::int64_t kRank = 32;
  for (const text::LinearModule& module : text::LinearModules(model.config())) {
    settings.adapter_parameters += kRank * (module.in + module.out) * model.config().layers;
    settings.adapter_outputs += kRank;
  }
  return text::FittingMicroBatch(model.config(), settings, bytes, 128, settings.gpu ? 16384 : 2048);
}

// Ids from outside index the embedding: all are checked once.
absl::Status CheckData(const Transformer& model, const text::TokenizedData& data) {
  const auto check = [&](const text::Sequence& sequence) -> absl::Status {
    if (sequence.ids.size() != sequence.learned.size()) {
      return absl::InvalidArgumentError("a sequence has not one mark for each token");
    }
    return model.CheckIds({sequence.ids.begin(), sequence.ids.end()});
  };
  for (const text::Row& row : data.train) {
    for (const text::Sequence& sequence : row.sequences) {
      if (absl::Status ok = check(sequence); !ok.ok()) return ok;
    }
  }
  for (const auto* held_out : {&data.validation, &data.test}) {
    for (const text::Sequence& sequence : *held_out) {
      if (absl::Status ok = check(sequence); !ok.ok()) return ok;
    }
  }
  return absl::OkStatus();
}

class TorchTrainer : public Trainer {
 public:
  TorchTrainer(const TrainerOptions& options, const DeviceInfo& device, ResidentModel resident)
      : options_(options), device_(device), resident_(std::move(resident)) {}

  absl::StatusOr<std::vector<Outcome>> Run(const JobPack& pack, TrialObserver& observer,
                                           std::stop_token stop) override {
    // The number of threads belongs to the calling thread, which need not be the one that loaded the model.
    if (options_.threads > 0) UseThreads(options_.threads);
    PackRun run(resident_, pack, observer, std::move(stop), options_.log);
    absl::StatusOr<std::vector<Outcome>> outcomes = TorchGuard([&run] { return run.Run(); });
    if (!absl::IsResourceExhausted(outcomes.status()) || !run.Alone()) return outcomes;
    // A trial that does not fit even alone is a result of the search.
    return run.EndOutOfMemory(
        absl::StrCat("does not fit on ", device_.name, ": ", std::string{outcomes.status().message()}));
  }

  absl::StatusOr<text::PackPlan> PlanPack(const TrialJob& job, std::int64_t most, text::PackSize size) override {
    if (options_.threads > 0) UseThreads(options_.threads);
    return TorchGuard([&]() -> absl::StatusOr<text::PackPlan> {
      absl::StatusOr<PackProbe> probe = PackProbe::Make(resident_, job);
      if (!probe.ok()) return probe.status();
      return text::PlanPack(most, size,
                            {.trial_tokens = probe->TrialTokens(job),
                             .fits = [&](std::int64_t slots) { return probe->Fits(slots); },
                             .measure = [&](std::int64_t slots) { return probe->Measure(slots); }});
    });
  }

  std::string description() const override {
    return absl::StrCat(device_.name, " ", NameOf(resident_.model.type()), QuantizationMark(options_));
  }

 private:
  TrainerOptions options_;
  DeviceInfo device_;
  ResidentModel resident_;
};

absl::StatusOr<std::unique_ptr<Trainer>> Load(const TrainerOptions& options, const std::filesystem::path& folder,
                                              std::shared_ptr<const text::TokenizedData> data) {
  const absl::StatusOr<DeviceInfo> device = ChooseDevice(options.device);
  if (!device.ok()) return device.status();
  if (options.threads > 0) UseThreads(options.threads);
  absl::StatusOr<Transformer> model =
      Transformer::Load(folder, at::Device(device->name), ChooseType(options.precision, *device),
                        {.quantization = options.quantization,
                         .double_quantization = options.double_quantization,
                         .gradient_checkpointing = options.gradient_checkpointing});
  if (!model.ok()) return model.status();
  absl::StatusOr<std::string> digest = ModelDigest(folder);
  if (!digest.ok()) return digest.status();
  if (absl::Status fits = CheckData(*model, *data); !fits.ok()) return fits;
  auto lanes = std::make_unique<Lanes>(LaneCount(*model, options));
  text::MemorySettings memory = MemoryOf(*model, *device, options);
  memory.lanes = lanes->count();
  const std::int64_t bytes = MemoryBytes(*device);
  const std::int64_t tokens =
      options.micro_batch_tokens > 0 ? options.micro_batch_tokens : MicroBatchTokens(*model, memory, bytes);
  Evaluator evaluator(*model, data->validation, tokens, *lanes);
  std::optional<Evaluator> test;
  if (!data->test.empty()) test.emplace(*model, data->test, tokens, *lanes);
  return std::make_unique<TorchTrainer>(options, *device,
                                        ResidentModel{.model = *std::move(model),
                                                      .lanes = std::move(lanes),
                                                      .data = std::move(data),
                                                      .evaluator = std::move(evaluator),
                                                      .test = std::move(test),
                                                      .digest = *std::move(digest) + QuantizationMark(options),
                                                      .micro_batch_tokens = tokens,
                                                      .memory = memory,
                                                      .memory_bytes = bytes,
                                                      .base_loss = std::nullopt,
                                                      .folder = folder,
                                                      .tokenizer = std::nullopt,
                                                      .base_samples = {}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(const TrainerOptions& options,
                                                     const std::filesystem::path& model_folder,
                                                     std::shared_ptr<const text::TokenizedData> data) {
  return TorchGuard([&] { return Load(options, model_folder, std::move(data)); });
}

}  // namespace lorasweep::trainer
