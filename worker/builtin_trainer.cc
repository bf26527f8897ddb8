#include "worker/builtin_trainer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recipe/recipe_from_spec.h"
#include "trainer_core/chat/data_recipe.h"
#include "trainer_core/gguf/model_folder.h"
#include "trainer_core/text/base_files.h"

namespace lorasweep::worker {

BuiltinTrainerFactory::BuiltinTrainerFactory(BuiltinTrainerOptions options) : options_(std::move(options)) {}

absl::StatusOr<std::string> BuiltinTrainerFactory::Device() {
  const std::vector<trainer::DeviceInfo> devices = trainer::ListDevices();
  if (options_.device == "auto") return devices.size() > 1 ? devices[1].name : std::string{"cpu"};
  std::string names;
  for (const trainer::DeviceInfo& device : devices) {
    if (device.name == options_.device) return device.name;
    absl::StrAppend(&names, names.empty() ? "" : ", ", device.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--device ", options_.device, ": there is no such device here (there are: ", names, ")"));
}

absl::StatusOr<std::filesystem::path> BuiltinTrainerFactory::ResolveModel(const std::string& model) {
  if (options_.fence.open()) return gguf::ModelFolder(model, options_.roots);
  const absl::StatusOr<std::filesystem::path> found = text::ResolveModel(model, options_.roots);
  if (!found.ok()) return found.status();
  const absl::StatusOr<std::filesystem::path> admitted = options_.fence.Admit("model", *found);
  if (!admitted.ok()) return admitted.status();
  return gguf::ModelFolder(admitted->string(), options_.roots);
}

absl::StatusOr<std::string> BuiltinTrainerFactory::BaseSha256(const std::filesystem::path& model_folder) {
  return text::BaseSha256(model_folder);
}

absl::StatusOr<std::shared_ptr<const text::TokenizedData>> BuiltinTrainerFactory::PrepareData(
    const v1::DataSpec& data, std::uint64_t seed, const std::filesystem::path& model_folder) {
  const absl::StatusOr<chat::DataRecipe> recipe = recipe::RecipeFromSpec(data, seed);
  if (!recipe.ok()) return recipe.status();
  absl::StatusOr<text::TokenizedData> tokenized = chat::PrepareData(*recipe, model_folder, &options_.data_cache);
  if (!tokenized.ok()) return tokenized.status();
  return std::make_shared<const text::TokenizedData>(*std::move(tokenized));
}

absl::StatusOr<std::unique_ptr<trainer::Trainer>> BuiltinTrainerFactory::MakeTrainer(
    const std::filesystem::path& model_folder, const trainer::TrainerOptions& options,
    std::shared_ptr<const text::TokenizedData> data) {
  trainer::TrainerOptions mine = options;
  mine.device = options_.device;
  mine.threads = options_.threads;
  mine.log = options_.log;
  return trainer::MakeTrainer(mine, model_folder, std::move(data));
}

}  // namespace lorasweep::worker
