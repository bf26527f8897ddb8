#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/inputs_check.h"
#include "cli/memory_need.h"
#include "cli/plan.h"
#include "cli/sweep_input.h"
#include "cli/tables.h"
#include "recipe/recipe_from_spec.h"
#include "trainer_core/chat/data_recipe.h"
#include "trainer_core/gguf/model_folder.h"

namespace lorasweep::cli {
namespace {

absl::Status Preview(Context& context, const std::string& file, const std::vector<std::string>& overrides) {
  auto spec = ReadSweep(context, file, overrides);
  if (!spec.ok()) return spec.status();
  const text::ModelRoots roots = RootsFromEnvironment();
  const chat::DataCache cache = CacheFromEnvironment();
  const absl::Status inputs = CheckInputs(*spec, roots);
  if (!inputs.ok()) return inputs;

  const auto recipe = recipe::RecipeFromSpec(spec->data(), static_cast<std::uint64_t>(spec->seed()));
  if (!recipe.ok()) return recipe.status();

  nlohmann::ordered_json json;
  json["name"] = spec->name();
  json["models"] = nlohmann::ordered_json::array();
  std::vector<std::pair<std::string, std::string>> facts = {{"sweep", spec->name()}};
  for (const std::string& name : ModelsOf(*spec)) {
    const auto folder = gguf::ModelFolder(name, roots);
    if (!folder.ok()) return folder.status();
    const auto model = ReadModelFacts(*folder);
    if (!model.ok()) return model.status();
    const auto data = chat::PrepareData(*recipe, *folder, &cache);
    if (!data.ok()) return data.status();
    const auto plan = MakePlan(*spec, *data, model->config);
    if (!plan.ok()) return plan.status();

    facts.emplace_back("model", folder->string());
    const auto more = PlanFacts(*plan);
    facts.insert(facts.end(), more.begin(), more.end());
    const std::vector<MemoryNeed> memory = MemoryNeeds(*spec, *plan, model->config);
    for (const MemoryNeed& need : memory) facts.emplace_back(absl::StrCat("memory in ", need.precision), need.Text());
    json["models"].push_back({{"model", name},
                              {"path", folder->string()},
                              {"parameters", model->parameters},
                              {"memory", MemoryJson(memory)},
                              {"plan", PlanJson(*plan)}});
  }
  context.PrintWhole(FactTable(facts), json);
  return absl::OkStatus();
}

}  // namespace

void AddPreviewCommand(CLI::App& app, Context& context) {
  CLI::App* preview = app.add_subcommand("preview", "Tell what a sweep file would do; nothing is run");
  auto file = std::make_shared<std::string>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  preview->add_option("file", *file, "Sweep file")->required()->type_name("SWEEP.yaml");
  preview->add_option("--set", *overrides, "Set a key of the file: training.max_steps=50")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  preview->callback([=, &context] { context.action = [=, &context] { return Preview(context, *file, *overrides); }; });
}

}  // namespace lorasweep::cli
