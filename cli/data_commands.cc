#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/data_view.h"
#include "cli/format.h"
#include "cli/inputs_check.h"
#include "cli/sweep_input.h"
#include "cli/tables.h"
#include "recipe/recipe_from_spec.h"
#include "trainer_core/gguf/model_folder.h"

namespace lorasweep::cli {
namespace {

void ShowRows(const Context& context, const std::vector<chat::PreviewRow>& rows) {
  for (const chat::PreviewRow& row : rows) {
    StyledLine title;
    title.Add(
        absl::StrCat(row.where, " · ", Plural(static_cast<std::int64_t>(row.supervised.sequence.ids.size()), "token"),
                     ", ", row.supervised.sequence.LearnedTokens(), " learned"),
        Style::kBold);
    context.out << title.Render(0, context.out_terminal.colour) << '\n';
    for (const StyledLine& line : MarkedLines(row.supervised, context.out_terminal.colour)) {
      context.out << line.Render(0, context.out_terminal.colour) << '\n';
    }
    context.out << '\n';
  }
}

// Wrong inputs are wrong usage, whatever is wrong with them.
absl::Status Refuse(const char* key, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat(key, ": ", std::string{status.message()}));
}

absl::Status Show(Context& context, const std::string& file, const std::vector<std::string>& overrides,
                  std::int64_t rows) {
  auto spec = ReadSweep(context, file, overrides);
  if (!spec.ok()) return spec.status();
  const text::ModelRoots roots = RootsFromEnvironment();
  const chat::DataCache cache = CacheFromEnvironment();
  const auto recipe = recipe::RecipeFromSpec(spec->data(), static_cast<std::uint64_t>(spec->seed()));
  if (!recipe.ok()) return recipe.status();

  nlohmann::ordered_json json;
  json["name"] = spec->name();
  json["models"] = nlohmann::ordered_json::array();
  std::vector<std::pair<std::string, std::string>> facts;
  for (const std::string& name : ModelsOf(*spec)) {
    const auto folder = gguf::ModelFolder(name, roots);
    if (!folder.ok()) return Refuse("model", folder.status());
    const auto preview = chat::PreviewData(*recipe, *folder, rows);
    if (!preview.ok()) return Refuse("data", preview.status());
    const auto data = chat::PrepareData(*recipe, *folder, &cache);
    if (!data.ok()) return Refuse("data", data.status());

    if (context.output == OutputFormat::kTable) ShowRows(context, *preview);
    facts.emplace_back("model", folder->string());
    const auto more = DataFacts(*data, recipe->max_length);
    facts.insert(facts.end(), more.begin(), more.end());
    nlohmann::ordered_json examples = nlohmann::ordered_json::array();
    for (const chat::PreviewRow& row : *preview) examples.push_back(RowJson(row));
    nlohmann::ordered_json model = {{"model", name}, {"path", folder->string()}};
    model.update(DataJson(*data, recipe->max_length));
    model["rows"] = examples;
    json["models"].push_back(model);
  }
  context.PrintWhole(FactTable(facts), json);
  return absl::OkStatus();
}

}  // namespace

void AddDataCommands(CLI::App& app, Context& context) {
  CLI::App* data = app.add_subcommand("data", "A sweep's data");
  data->require_subcommand(1);
  CLI::App* show =
      data->add_subcommand("show", "Show rows as the model sees them, what is learned of them, and their lengths");
  auto file = std::make_shared<std::string>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  auto rows = std::make_shared<std::int64_t>(2);
  show->add_option("file", *file, "Sweep file")->required()->type_name("SWEEP.yaml");
  show->add_option("--rows", *rows, "Rows to show of each training file")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1000000}));
  show->add_option("--set", *overrides, "Set a key of the file: data.max_length=512")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  show->callback([=, &context] { context.action = [=, &context] { return Show(context, *file, *overrides, *rows); }; });
}

}  // namespace lorasweep::cli
