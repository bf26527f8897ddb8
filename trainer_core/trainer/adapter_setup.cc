#include "trainer_core/trainer/adapter_setup.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/text/linear_modules.h"
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
                              .modules_to_save = settings.whole.modules_to_save,
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
    absl::StatusOr<text::WholeParameters> whole = text::ResolveWhole(settings.whole, setup.config.modules, model);
    if (!whole.ok()) return whole.status();
    setup.config.whole_choice = settings.whole;
    setup.config.whole = *std::move(whole);
    if (settings.use_dora && setup.config.modules.back().rank > 0) {
      return absl::InvalidArgumentError(absl::StrCat("use_dora is not supported on an embedding: leave ",
                                                     text::EmbeddingPath(model), " out of target_modules"));
    }
  }
  setup.config.dropout = settings.lora_dropout;
  setup.config.base_model_name = job.base_model_name;
  return setup;
}

}  // namespace lorasweep::trainer
