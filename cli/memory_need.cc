#include "cli/memory_need.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "trainer_core/text/linear_modules.h"

namespace lorasweep::cli {
namespace {

using Weights = text::MemorySettings::Weights;

Weights WeightsOf(const v1::TrainingSpec& training) {
  if (training.quantization() == "int8") return Weights::kInt8;
  if (training.quantization() != "nf4" && training.quantization() != "fp4") return Weights::kPlain;
  return training.double_quantization() ? Weights::kFourBitDouble : Weights::kFourBit;
}

// Of a trained number on average: two moments in fp32, or one (Lion) or two in 8 bits but for embeddings that are
// trained whole.
double MomentBytes(const v1::TrainingSpec& training, const Plan& plan) {
  if (training.optimizer().find("8bit") == std::string::npos || plan.adapter_parameters == 0) return 8;
  const double share = static_cast<double>(plan.embedding_parameters) / static_cast<double>(plan.adapter_parameters);
  const double moments = training.optimizer().find("lion") == std::string::npos ? 2 : 1;
  return moments * (4 * share + 1.015 * (1 - share));
}

}  // namespace

std::string MemoryNeed::Text() const {
  const auto bytes = [](std::int64_t count) { return FormatBytes(static_cast<double>(count)); };
  return absl::StrCat("about ", bytes(use.total()), " at its highest: base model ", bytes(use.base), ", adapter ",
                      bytes(use.adapters), ", activations ", bytes(use.activations), ", working space ",
                      bytes(use.working), " for ", FormatCount(tokens), " tokens at a time");
}

std::vector<MemoryNeed> MemoryNeeds(const v1::SweepSpec& spec, const Plan& plan, const text::ModelConfig& model) {
  // The trainer's own choice on a CPU, where a machine has enough.
  constexpr std::int64_t kTokens = 2048;
  const v1::TrainingSpec& training = spec.training();
  const std::int64_t wanted = training.micro_batch_size() * spec.data().max_length();
  text::MemorySettings settings{.weights = WeightsOf(training),
                                .gradient_checkpointing = training.gradient_checkpointing(),
                                .adapter_parameters = plan.adapter_parameters,
                                .whole_head = plan.whole_head,
                                .moment_bytes = MomentBytes(training, plan)};
  const auto modules = static_cast<std::int64_t>(text::LinearModules(model).size());
  settings.adapter_outputs = plan.largest_rank * modules;
  // No pass holds more than a step's rows, nor less than the longest one.
  const std::int64_t step = std::max<std::int64_t>(1, training.batch_size()) * plan.train.longest;
  settings.micro_batch_tokens = std::max(plan.train.longest, std::min(wanted > 0 ? wanted : kTokens, step));
  if (plan.train.tokens > 0) {
    settings.learned_share = static_cast<double>(plan.train.learned_tokens) / static_cast<double>(plan.train.tokens);
  }
  std::vector<MemoryNeed> needs;
  for (const std::string precision : {"bf16", "fp16", "fp32"}) {
    const bool either = training.precision() == "auto" && precision != "fp16";
    if (!either && training.precision() != precision) continue;
    settings.element_bytes = precision == "fp32" ? 4 : 2;
    needs.push_back(
        {.precision = precision, .use = text::PredictMemory(model, settings), .tokens = settings.micro_batch_tokens});
  }
  return needs;
}

nlohmann::ordered_json MemoryJson(const std::vector<MemoryNeed>& needs) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const MemoryNeed& need : needs) {
    json.push_back({{"precision", need.precision},
                    {"tokens", need.tokens},
                    {"base_bytes", need.use.base},
                    {"adapter_bytes", need.use.adapters},
                    {"activation_bytes", need.use.activations},
                    {"working_bytes", need.use.working},
                    {"bytes", need.use.total()}});
  }
  return json;
}

}  // namespace lorasweep::cli
