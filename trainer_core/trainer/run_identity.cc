#include "trainer_core/trainer/run_identity.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/sha256.h"

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

const char* ScheduleName(Schedule schedule) {
  switch (schedule) {
    case Schedule::kLinear:
      return "linear";
    case Schedule::kCosine:
      return "cosine";
    case Schedule::kConstant:
      return "constant";
  }
  return "";
}

}  // namespace

RunIdentity IdentityOf(const TrialJob& job, const std::vector<std::string>& target_modules,
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
          {"schedule", ScheduleName(config.schedule)},
          {"weight_decay", Exact(config.weight_decay)},
          {"adam_beta1", Exact(config.adam_beta1)},
          {"adam_beta2", Exact(config.adam_beta2)},
          {"adam_epsilon", Exact(config.adam_epsilon)},
          {"max_grad_norm", Exact(config.max_grad_norm)},
          {"lora_rank", absl::StrCat(config.lora_rank)},
          {"lora_alpha", Exact(config.lora_alpha)},
          {"lora_dropout", Exact(config.lora_dropout)},
          {"load_best_model_at_end", config.load_best_model_at_end ? "true" : "false"},
          {"target_modules", absl::StrJoin(target_modules, ",")}};
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
