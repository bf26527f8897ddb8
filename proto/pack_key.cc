#include "proto/pack_key.h"

#include "absl/strings/str_cat.h"

namespace lorasweep::proto {

std::string PackKey(const v1::SweepSpec& spec) {
  const v1::TrainingSpec& training = spec.training();
  return absl::StrCat(spec.model(), "\n", spec.seed(), "\n", training.precision(), "\n", training.quantization(),
                      training.double_quantization() ? "+" : "-", training.gradient_checkpointing() ? "+" : "-",
                      training.micro_batch_size() * spec.data().max_length(), "\n", spec.data().SerializeAsString());
}

std::string AdapterShapeKey(const v1::SweepSpec& spec) {
  const v1::TrainingSpec& training = spec.training();
  v1::TrainingSpec shape;
  shape.set_lora_rank(training.lora_rank());
  *shape.mutable_target_modules() = training.target_modules();
  *shape.mutable_exclude_modules() = training.exclude_modules();
  *shape.mutable_modules_to_save() = training.modules_to_save();
  shape.set_ensure_weight_tying(training.ensure_weight_tying());
  shape.set_bias(training.bias());
  *shape.mutable_layers_to_transform() = training.layers_to_transform();
  *shape.mutable_rank_pattern() = training.rank_pattern();
  shape.set_use_dora(training.use_dora());
  shape.set_init_lora_weights(training.init_lora_weights());
  shape.set_adapter(training.adapter());
  return absl::StrCat(spec.model(), "\n", shape.SerializeAsString());
}

}  // namespace lorasweep::proto
