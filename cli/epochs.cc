#include "cli/epochs.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "cli/inputs_check.h"
#include "proto/settings.h"
#include "recipe/recipe_from_spec.h"
#include "trainer_core/chat/data_recipe.h"
#include "trainer_core/gguf/model_folder.h"

namespace lorasweep::cli {

absl::Status ResolveEpochs(v1::SweepSpec* spec, const text::ModelRoots& roots) {
  if (spec->training().epochs() == 0) return absl::OkStatus();
  for (const v1::ParameterSpec& parameter : spec->parameters()) {
    const proto::Setting* setting = proto::FindParameterSetting(parameter.name());
    const bool changes_rows = setting != nullptr && setting->section != "training";
    if (parameter.has_value() || (parameter.name() != "epochs" && !changes_rows)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("training.epochs: not possible while ", parameter.name(),
                     " is a parameter: its trials would differ in length; give max_steps instead"));
  }
  if (absl::Status inputs = CheckInputs(*spec, roots); !inputs.ok()) return inputs;
  const auto folder = gguf::ModelFolder(spec->model(), roots);
  if (!folder.ok()) return folder.status();
  const auto recipe = recipe::RecipeFromSpec(spec->data(), static_cast<std::uint64_t>(spec->seed()));
  if (!recipe.ok()) return recipe.status();
  const chat::DataCache cache = CacheFromEnvironment();
  const auto data = chat::PrepareData(*recipe, *folder, &cache);
  if (!data.ok()) return absl::InvalidArgumentError(absl::StrCat("data: ", std::string{data.status().message()}));
  const double rows = spec->training().epochs() * static_cast<double>(data->train.size());
  const double steps = std::ceil(rows / static_cast<double>(spec->training().batch_size()));
  const proto::Setting* max_steps = proto::FindSetting("training.max_steps");
  spec->mutable_training()->set_epochs(0);
  const absl::Status set = proto::SetSetting(*max_steps, search::Value(steps), spec->mutable_training());
  if (set.ok()) return set;
  return absl::InvalidArgumentError(absl::StrCat("training.epochs: as max_steps, ", std::string{set.message()}));
}

}  // namespace lorasweep::cli
