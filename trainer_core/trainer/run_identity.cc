#include "trainer_core/trainer/run_identity.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/sha256.h"
#include "trainer_core/trainer/config_words.h"

namespace lorasweep::trainer {
namespace {

// As few digits as bring the same number back.
std::string Exact(double value) {
  for (int digits = 1; digits < 17; ++digits) {
    std::string text = absl::StrFormat("%.*g", digits, value);
    if (std::stod(text) == value) return text;
  }
  return absl::StrFormat("%.17g", value);
}

// A number of the adapted modules: once where all have the same.
template <typename Number>
std::string Each(const AdapterSetup& adapter, const Number& number) {
  std::vector<std::string> numbers;
  for (const text::ModuleAdapter& module : adapter.config.modules) {
    if (module.rank > 0) numbers.push_back(number(module));
  }
  const bool same = std::all_of(numbers.begin(), numbers.end(), [&](const auto& text) { return text == numbers[0]; });
  return same && !numbers.empty() ? numbers[0] : absl::StrJoin(numbers, ",");
}

}  // namespace

RunIdentity IdentityOf(const TrialJob& job, const AdapterSetup& adapter, const text::ModelConfig& model,
                       const std::string& model_digest, const std::string& data_key) {
  const TrainConfig& config = job.config;
  return {{"model", model_digest},
          {"data", data_key},
          {"data_seed", absl::StrCat(job.data_seed)},
          {"seed", absl::StrCat(job.seed)},
          {"max_steps", absl::StrCat(config.max_steps)},
          {"batch_size", absl::StrCat(config.batch_size)},
          {"learning_rate", Exact(config.learning_rate)},
          {"warmup", Exact(config.warmup)},
          {"schedule", std::string{Word(config.schedule)}},
          {"num_cycles", Exact(config.num_cycles)},
          {"power", Exact(config.power)},
          {"lr_end", Exact(config.lr_end)},
          {"min_lr", Exact(config.min_lr)},
          {"min_lr_rate", Exact(config.min_lr_rate)},
          {"timescale", absl::StrCat(config.timescale)},
          {"decay_steps", Exact(config.decay_steps)},
          {"decay_type", std::string{Word(config.decay_type)}},
          {"optimizer", std::string{Word(config.optimizer)}},
          {"momentum", Exact(config.momentum)},
          {"loraplus_lr_ratio", Exact(config.loraplus_lr_ratio)},
          {"weight_decay", Exact(config.weight_decay)},
          {"adam_beta1", Exact(config.adam_beta1)},
          {"adam_beta2", Exact(config.adam_beta2)},
          {"adam_epsilon", Exact(config.adam_epsilon)},
          {"max_grad_norm", Exact(config.max_grad_norm)},
          {"label_smoothing", Exact(config.label_smoothing)},
          {"neftune_noise_alpha", Exact(config.neftune_noise_alpha)},
          {"lora_rank", Each(adapter, [](const text::ModuleAdapter& module) { return absl::StrCat(module.rank); })},
          {"lora_alpha", Each(adapter, [](const text::ModuleAdapter& module) { return Exact(module.alpha); })},
          {"lora_dropout", Exact(config.lora_dropout)},
          {"use_rslora", adapter.config.use_rslora ? "true" : "false"},
          {"use_dora", adapter.config.use_dora ? "true" : "false"},
          {"modules_to_save", absl::StrJoin(adapter.config.whole_choice.modules_to_save, ",")},
          {"bias", std::string{Word(adapter.config.whole_choice.bias)}},
          {"ensure_weight_tying", adapter.config.whole_choice.ensure_weight_tying ? "true" : "false"},
          {"loraplus_lr_embedding", Exact(config.loraplus_lr_embedding)},
          {"init_lora_weights", Word(config.init_lora_weights)},
          {"adapter", adapter.origin.empty() ? "none" : adapter.origin},
          {"load_best_model_at_end", config.load_best_model_at_end ? "true" : "false"},
          {"target_modules", absl::StrJoin(text::TargetModules(model, adapter.config.modules), ",")}};
}

absl::StatusOr<std::string> ModelDigest(const std::filesystem::path& folder) {
  const absl::StatusOr<text::Safetensors> files = text::Safetensors::Open(folder);
  if (!files.ok()) return files.status();
  text::Sha256 hash;
  constexpr std::size_t kSample = 256;
  for (const text::TensorView& tensor : files->tensors()) {
    hash.Update(absl::StrCat(tensor.name, " ", std::string{text::DTypeName(tensor.dtype)}, " [",
                             absl::StrJoin(tensor.shape, ","), "]"));
    const std::size_t size = std::min(kSample, tensor.bytes.size());
    const auto* bytes = reinterpret_cast<const char*>(tensor.bytes.data());
    hash.Update({bytes, size});
    hash.Update({bytes + tensor.bytes.size() - size, size});
  }
  return hash.HexDigest();
}

}  // namespace lorasweep::trainer
