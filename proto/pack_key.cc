#include "proto/pack_key.h"

#include "absl/strings/str_cat.h"

namespace lorasweep::proto {

std::string PackKey(const v1::SweepSpec& spec) {
  const v1::TrainingSpec& training = spec.training();
  return absl::StrCat(spec.model(), "\n", spec.seed(), "\n", training.precision(), "\n", training.quantization(),
                      training.double_quantization() ? "+" : "-", training.gradient_checkpointing() ? "+" : "-",
                      training.micro_batch_size() * spec.data().max_length(), "\n", spec.data().SerializeAsString());
}

}  // namespace lorasweep::proto
