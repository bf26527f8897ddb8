#include "trainer_core/trainer/generator.h"

#include <algorithm>
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
#include "trainer_core/trainer/seeds.h"
#include "trainer_core/trainer/torch_guard.h"
#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {
namespace {

constexpr std::int64_t kTokensAtOnce = 2048;  // of texts that are only read

// Whether keys that were turned in a text of `past` tokens are wrong in one of `now`: long RoPE has two tables, and
// transformers computes the whole text anew where it goes over to the other.
bool NeedsAnotherTable(const text::RopeConfig& rope, std::int64_t past, std::int64_t now) {
  return rope.scaling == text::RopeConfig::Scaling::kLongRope && past <= rope.original_max_positions &&
         now > rope.original_max_positions;
}

class TorchGenerator : public Generator {
 public:
  TorchGenerator(Transformer model, const TrainerOptions& options, std::string device)
      : model_(std::move(model)), threads_(options.threads), device_(std::move(device)) {}

  absl::Status UseAdapter(const std::filesystem::path& folder) override {
    return TorchGuard([&]() -> absl::Status {
      Forget(0);
      bank_.reset();
      pass_.reset();
      if (folder.empty()) return absl::OkStatus();
      absl::StatusOr<Adapter> adapter = ReadAdapter(folder, model_.config());
      if (!adapter.ok()) return adapter.status();
      const SlotAdapter slot{
          .modules = adapter->config.modules, .whole = adapter->config.whole, .use_dora = adapter->config.use_dora};
      bank_.emplace(model_.config(), std::vector<SlotAdapter>{slot}, model_.device(),
                    [this](std::size_t parameter) { return model_.Parameter(parameter); });
      bank_->Insert(adapter->values, 0, bank_->parameters());
      pass_.emplace(bank_->EvaluationPass({0}, model_.type()));
      return absl::OkStatus();
    });
  }

  absl::StatusOr<Generation> Generate(const std::vector<std::int32_t>& prompt, const GenerationOptions& options,
                                      const TokenCallback& on_token) override {
    if (threads_ > 0) UseThreads(threads_);
    if (prompt.empty()) return absl::InvalidArgumentError("the prompt has no tokens");
    if (options.max_new_tokens < 1) return absl::InvalidArgumentError("max_new_tokens must be at least 1");
    if (absl::Status valid = options.sampling.Validate(); !valid.ok()) return valid;
    if (absl::Status valid = model_.CheckIds({prompt.begin(), prompt.end()}); !valid.ok()) return valid;
    absl::StatusOr<Generation> generation =
        TorchGuard([&]() -> absl::StatusOr<Generation> { return Run(prompt, options, on_token); });
    if (!generation.ok()) Forget(0);
    return generation;
  }

  absl::StatusOr<ValidationLoss> Losses(const std::vector<text::Sequence>& texts) override {
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
      if (losses.ok()) return std::move(losses->front());
      if (!absl::IsResourceExhausted(losses.status()) || !evaluator->Shrink(model_, texts)) return losses.status();
    }
    return made;
  }

  std::string description() const override {
    return absl::StrCat(device_, model_.type() == at::kFloat  ? " fp32"
                                 : model_.type() == at::kHalf ? " fp16"
                                                              : " bf16");
  }

 private:
  Generation Run(const std::vector<std::int32_t>& prompt, const GenerationOptions& options,
                 const TokenCallback& on_token) {
    Generation generation;
    std::vector<std::int32_t> all = prompt;
    Reuse(prompt);
    const text::ModelConfig& config = model_.config();
    while (static_cast<std::int64_t>(generation.ids.size()) < options.max_new_tokens) {
      const auto length = static_cast<std::int64_t>(all.size());
      if (config.learned_positions && length > config.max_positions) break;
      at::Tensor scores = Advance(all);
      const auto place = static_cast<std::uint64_t>(length);
      const double unit = UnitFloat(SubSeed(options.seed, place));
      const std::span<float> values(scores.mutable_data_ptr<float>(), static_cast<std::size_t>(scores.numel()));
      const std::int32_t id = ChooseToken(values, all, options.sampling, unit);
      all.push_back(id);
      generation.ids.push_back(id);
      const bool wanted = !on_token || on_token(id);
      if (Contains(config.eos_ids, id) || Contains(options.extra_stop_ids, id)) {
        generation.ending = Generation::Ending::kStopId;
        break;
      }
      if (!wanted) {
        generation.ending = Generation::Ending::kCancelled;
        break;
      }
    }
    return generation;
  }

  // Scores of the token after `all`, in fp32 on the CPU.
  at::Tensor Advance(const std::vector<std::int32_t>& all) {
    const auto length = static_cast<std::int64_t>(all.size());
    if (NeedsAnotherTable(model_.config().rope, cache_.tokens, length)) Forget(0);
    const std::vector<std::int32_t> fresh(all.begin() + cache_.tokens, all.end());
    const at::Tensor hidden = model_.Continue(fresh, pass_ ? &*pass_ : nullptr, cache_);
    cached_.insert(cached_.end(), fresh.begin(), fresh.end());
    return model_.Logits(hidden, pass_ ? &*pass_ : nullptr).view({-1}).to(at::kFloat).cpu().contiguous();
  }

  // Keeps of the cache what `prompt` begins with; its last token is always computed, for its scores.
  void Reuse(const std::vector<std::int32_t>& prompt) {
    const auto most = std::min(cached_.size(), prompt.size() - 1);
    std::size_t common = 0;
    while (common < most && cached_[common] == prompt[common]) ++common;
    const bool other_table = model_.config().rope.scaling == text::RopeConfig::Scaling::kLongRope &&
                             static_cast<std::int64_t>(cached_.size()) > model_.config().rope.original_max_positions;
    // Keys of long RoPE's other table, or of dynamic RoPE at another length, are of no use.
    const bool lengths_matter = other_table || model_.config().rope.scaling == text::RopeConfig::Scaling::kDynamic;
    Forget(lengths_matter ? 0 : common);
  }

  void Forget(std::size_t from) {
    cached_.resize(std::min(from, cached_.size()));
    cache_.tokens = static_cast<std::int64_t>(cached_.size());
  }

  static bool Contains(const std::vector<std::int32_t>& ids, std::int32_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  }

  Transformer model_;
  int threads_;
  Lanes lanes_{1};
  std::string device_;
  std::optional<LoraBank> bank_;
  std::optional<LoraPass> pass_;
  TokenCache cache_;
  std::vector<std::int32_t> cached_;  // the tokens in cache_
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
