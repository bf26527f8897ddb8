#include "trainer_core/trainer/adapter_setup.h"

#include <utility>

#include "trainer_core/text/sha256.h"

namespace lorasweep::trainer {

absl::StatusOr<AdapterSetup> SetUpAdapter(const TrialJob& job, const text::ModelConfig& model) {
  const TrainConfig& settings = job.config;
  AdapterSetup setup;
  if (!settings.adapter.empty()) {
    absl::StatusOr<Adapter> read = ReadAdapter(settings.adapter, model);
    if (!read.ok()) return read.status();
    setup.config = std::move(read->config);
    setup.values = std::move(read->values);
    text::Sha256 hash;
    hash.Update(AdapterConfigText(model, setup.config));
    hash.Update({reinterpret_cast<const char*>(setup.values.data()), setup.values.size() * sizeof(float)});
    setup.origin = hash.HexDigest();
  } else {
    absl::StatusOr<std::vector<text::ModuleAdapter>> modules =
        text::ResolveTargets({.target_modules = settings.target_modules,
                              .exclude_modules = settings.exclude_modules,
                              .layers_to_transform = settings.layers_to_transform,
                              .rank = settings.lora_rank,
                              .alpha = settings.lora_alpha,
                              .rank_pattern = settings.rank_pattern,
                              .alpha_pattern = settings.alpha_pattern,
                              .use_rslora = settings.use_rslora},
                             model);
    if (!modules.ok()) return modules.status();
    setup.config.rank = settings.lora_rank;
    setup.config.alpha = settings.lora_alpha;
    setup.config.use_rslora = settings.use_rslora;
    setup.config.use_dora = settings.use_dora;
    setup.config.modules = *std::move(modules);
  }
  setup.config.dropout = settings.lora_dropout;
  setup.config.base_model_name = job.base_model_name;
  return setup;
}

}  // namespace lorasweep::trainer
