#include "trainer_core/trainer/generator.h"

#include <optional>
#include <string>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/compute_type.h"
#include "trainer_core/trainer/devices.h"
#include "trainer_core/trainer/evaluation.h"
#include "trainer_core/trainer/lanes.h"
#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/model_texts.h"
#include "trainer_core/trainer/torch_guard.h"
#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {
namespace {

constexpr std::int64_t kTokensAtOnce = 2048;  // of texts that are only read

class TorchGenerator : public Generator {
 public:
  TorchGenerator(Transformer model, const TrainerOptions& options, std::string device)
      : model_(std::move(model)), threads_(options.threads), device_(std::move(device)) {}

  absl::Status UseAdapters(const std::vector<std::filesystem::path>& folders) override {
    return TorchGuard([&]() -> absl::Status {
      texts_.Use(nullptr);
      pass_.reset();
      bank_.reset();
      std::vector<SlotAdapter> slots;
      std::vector<Adapter> adapters;
      for (const std::filesystem::path& folder : folders) {
        Adapter& adapter = adapters.emplace_back();
        SlotAdapter& slot = slots.emplace_back();
        slot.modules.resize(text::ModuleNames(model_.config()).size());
        if (folder.empty()) continue;
        absl::StatusOr<Adapter> read = ReadAdapter(folder, model_.config());
        if (!read.ok()) return read.status();
        adapter = *std::move(read);
        slot = {.modules = adapter.config.modules, .whole = adapter.config.whole, .use_dora = adapter.config.use_dora};
      }
      if (folders.empty()) return absl::InvalidArgumentError("no adapter is to be used");
      if (folders.size() == 1 && folders.front().empty()) return absl::OkStatus();
      bank_.emplace(model_.config(), slots, model_.device(),
                    [this](std::size_t parameter) { return model_.Parameter(parameter); });
      std::vector<std::size_t> numbers;
      for (std::size_t slot = 0; slot < folders.size(); ++slot) {
        if (!folders[slot].empty()) bank_->Insert(adapters[slot].values, slot, bank_->parameters());
        numbers.push_back(slot);
      }
      pass_.emplace(bank_->EvaluationPass(numbers, model_.type()));
      texts_.Use(&*pass_);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::int64_t> Begin(const GenerationRequest& request) override { return texts_.Begin(request); }

  absl::StatusOr<std::vector<NewToken>> Step() override {
    if (threads_ > 0) UseThreads(threads_);
    return texts_.Step();
  }

  void End(std::int64_t text) override { texts_.End(text); }
  void Forget() override { texts_.Forget(); }

  absl::StatusOr<std::vector<ValidationLoss>> Losses(const std::vector<text::Sequence>& texts) override {
    if (threads_ > 0) UseThreads(threads_);
    for (const text::Sequence& one : texts) {
      if (absl::Status valid = model_.CheckIds({one.ids.begin(), one.ids.end()}); !valid.ok()) return valid;
    }
    std::optional<Evaluator> evaluator;
    absl::Status made = TorchGuard([&] {
      evaluator.emplace(model_, texts, kTokensAtOnce, lanes_);
      return absl::OkStatus();
    });
    while (made.ok()) {
      absl::StatusOr<std::vector<ValidationLoss>> losses =
          TorchGuard([&]() -> absl::StatusOr<std::vector<ValidationLoss>> {
            return evaluator->Evaluate(model_, lanes_, pass_ ? &*pass_ : nullptr);
          });
      if (losses.ok() || !absl::IsResourceExhausted(losses.status()) || !evaluator->Shrink(model_, texts)) {
        return losses;
      }
    }
    return made;
  }

  std::string description() const override {
    return absl::StrCat(device_, model_.type() == at::kFloat  ? " fp32"
                                 : model_.type() == at::kHalf ? " fp16"
                                                              : " bf16");
  }

 private:
  Transformer model_;
  int threads_;
  Lanes lanes_{1};
  std::string device_;
  std::optional<LoraBank> bank_;
  std::optional<LoraPass> pass_;  // none: the base alone
  ModelTexts texts_{model_};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Generator>> MakeGenerator(const TrainerOptions& options,
                                                         const std::filesystem::path& model_folder) {
  return TorchGuard([&]() -> absl::StatusOr<std::unique_ptr<Generator>> {
    const absl::StatusOr<DeviceInfo> device = ChooseDevice(options.device);
    if (!device.ok()) return device.status();
    if (options.threads > 0) UseThreads(options.threads);
    absl::StatusOr<Transformer> model =
        Transformer::Load(model_folder, at::Device(device->name), ChooseType(options.precision, *device));
    if (!model.ok()) return model.status();
    return std::make_unique<TorchGenerator>(*std::move(model), options, device->name);
  });
}

}  // namespace lorasweep::trainer
