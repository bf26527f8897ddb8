#include <algorithm>
#include <string>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/linear_modules.h"
#include "trainer_core/text/memory_model.h"
#include "trainer_core/trainer/compute_type.h"
#include "trainer_core/trainer/devices.h"
#include "trainer_core/trainer/pack_run.h"
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

// As many tokens in a forward pass as fit, within what still speeds a device up. Of a CPU's memory others use half; the
// rest of a GPU's is for what its allocator leaves unused. An adapter of common size stands for those to come.
std::int64_t MicroBatchTokens(const Transformer& model, const DeviceInfo& device, const TrainerOptions& options) {
  constexpr std::int64_t kRank = 32;
  const bool gpu = device.name != "cpu";
  text::MemorySettings settings{.element_bytes = static_cast<std::int64_t>(at::elementSize(model.type())),
                                .gradient_checkpointing = options.gradient_checkpointing,
                                .gpu = gpu};
  for (const text::LinearModule& module : text::LinearModules(model.config())) {
    settings.adapter_parameters += kRank * (module.in + module.out) * model.config().layers;
    settings.adapter_outputs += kRank;
  }
  if (options.quantization == Quantization::kInt8) {
    settings.weights = text::MemorySettings::Weights::kInt8;
  } else if (options.quantization != Quantization::kNone) {
    settings.weights = options.double_quantization ? text::MemorySettings::Weights::kFourBitDouble
                                                   : text::MemorySettings::Weights::kFourBit;
  }
  const std::int64_t bytes = gpu ? device.memory_bytes / 10 * 8 : device.memory_bytes / 2;
  return text::FittingMicroBatch(model.config(), settings, bytes, 128, gpu ? 16384 : 2048);
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
    if (options_.threads > 0) at::set_num_threads(options_.threads);
    absl::StatusOr<std::vector<Outcome>> outcomes = TorchGuard([&]() -> absl::StatusOr<std::vector<Outcome>> {
      return PackRun(resident_, pack, observer, std::move(stop), options_.log).Run();
    });
    if (outcomes.ok() || !absl::IsResourceExhausted(outcomes.status()) || pack.jobs.size() != 1) return outcomes;
    // A trial that does not fit even alone is a result of the search.
    return std::vector<Outcome>{
        {.kind = Outcome::Kind::kOutOfMemory,
         .reason = absl::StrCat("does not fit on ", device_.name, ": ", std::string{outcomes.status().message()}),
         .step = 0}};
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
  if (options.threads > 0) at::set_num_threads(options.threads);
  absl::StatusOr<Transformer> model =
      Transformer::Load(folder, at::Device(device->name), ChooseType(options.precision, *device),
                        {.quantization = options.quantization,
                         .double_quantization = options.double_quantization,
                         .gradient_checkpointing = options.gradient_checkpointing});
  if (!model.ok()) return model.status();
  absl::StatusOr<std::string> digest = ModelDigest(folder);
  if (!digest.ok()) return digest.status();
  if (absl::Status fits = CheckData(*model, *data); !fits.ok()) return fits;
  const std::int64_t tokens =
      options.micro_batch_tokens > 0 ? options.micro_batch_tokens : MicroBatchTokens(*model, *device, options);
  Evaluator evaluator(*model, data->validation, tokens);
  std::optional<Evaluator> test;
  if (!data->test.empty()) test.emplace(*model, data->test, tokens);
  return std::make_unique<TorchTrainer>(options, *device,
                                        ResidentModel{.model = *std::move(model),
                                                      .data = std::move(data),
                                                      .evaluator = std::move(evaluator),
                                                      .test = std::move(test),
                                                      .digest = *std::move(digest) + QuantizationMark(options),
                                                      .micro_batch_tokens = tokens,
                                                      .base_loss = std::nullopt});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(const TrainerOptions& options,
                                                     const std::filesystem::path& model_folder,
                                                     std::shared_ptr<const text::TokenizedData> data) {
  return TorchGuard([&] { return Load(options, model_folder, std::move(data)); });
}

}  // namespace lorasweep::trainer
