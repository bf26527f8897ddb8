#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/adapter_targets.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {

// What a job's adapter is to be, on a model.
struct AdapterSetup {
  AdapterConfig config;
  std::vector<float> values;  // of the adapter to go on from, in config.Layout(model); empty: it begins anew
  std::string origin;         // a digest of that adapter; empty: it begins anew

  bool TakesFromBase(const TrainConfig& settings) const {
    return values.empty() && settings.init_lora_weights.TakesFromBase();
  }
};

// From the job's settings, or from the folder that its `adapter` names: then rank, alpha, patterns, modules, rsLoRA,
// DoRA and what is trained whole are the folder's. Errors: those of text::ResolveTargets and of ReadAdapter.
absl::StatusOr<AdapterSetup> SetUpAdapter(const TrialJob& job, const text::ModelConfig& model);

}  // namespace lorasweep::trainer
