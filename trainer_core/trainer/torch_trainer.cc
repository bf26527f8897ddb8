#include <algorithm>
#include <string>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/trainer/compute_type.h"
#include "trainer_core/trainer/devices.h"
#include "trainer_core/trainer/pack_run.h"
#include "trainer_core/trainer/run_identity.h"
#include "trainer_core/trainer/torch_guard.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {
namespace {

// A quarter of the memory for what a pass keeps, within what still speeds a device up. It depends on the machine, not
// on its load: a trial's numbers must not.
std::int64_t MicroBatchTokens(const Transformer& model, const DeviceInfo& device) {
  const std::int64_t most = device.name == "cpu" ? 2048 : 16384;
  const std::int64_t fits = device.memory_bytes / 4 / std::max<std::int64_t>(1, model.ActivationBytesPerToken());
  return std::clamp<std::int64_t>(fits, 128, most);
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
    return absl::StrCat(device_.name, resident_.model.type() == at::kBFloat16 ? " bf16" : " fp32");
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
      Transformer::Load(folder, at::Device(device->name), ChooseType(options.precision, *device));
  if (!model.ok()) return model.status();
  absl::StatusOr<std::string> digest = ModelDigest(folder);
  if (!digest.ok()) return digest.status();
  if (absl::Status fits = CheckData(*model, *data); !fits.ok()) return fits;
  const std::int64_t tokens =
      options.micro_batch_tokens > 0 ? options.micro_batch_tokens : MicroBatchTokens(*model, *device);
  Evaluator evaluator(*model, data->validation, tokens);
  std::optional<Evaluator> test;
  if (!data->test.empty()) test.emplace(*model, data->test, tokens);
  return std::make_unique<TorchTrainer>(options, *device,
                                        ResidentModel{.model = *std::move(model),
                                                      .data = std::move(data),
                                                      .evaluator = std::move(evaluator),
                                                      .test = std::move(test),
                                                      .digest = *std::move(digest),
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
