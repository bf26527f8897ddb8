#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/inputs_check.h"
#include "cli/model_facts.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "cli/texts.h"
#include "trainer_core/gguf/import.h"
#include "trainer_core/gguf/model_folder.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::cli {
namespace {

absl::Status ShowModel(Context& context, const std::filesystem::path& folder) {
  auto facts = ReadModelFacts(folder);
  if (!facts.ok()) return facts.status();
  context.Print(ModelFactTable(*facts), ModelFactJson(*facts));
  return absl::OkStatus();
}

absl::Status Import(Context& context, const std::string& file, const std::filesystem::path& out) {
  {
    Progress progress(context, "importing");
    const absl::Status status =
        gguf::ImportGguf(file, out, [&progress](std::int64_t done, std::int64_t total) { progress.Set(done, total); });
    if (!status.ok()) return status;
  }
  return ShowModel(context, out);
}

absl::Status Info(Context& context, const std::string& name) {
  auto folder = gguf::ModelFolder(name, RootsFromEnvironment());
  if (!folder.ok()) return folder.status();
  return ShowModel(context, *folder);
}

absl::StatusOr<std::string> ReadAll(const std::string& file) {
  if (file.empty() || file == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  std::error_code error;
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file, error)) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read ", file));
  }
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

absl::Status Tokenize(Context& context, const std::string& model, const std::string& file) {
  auto folder = gguf::ModelFolder(model, RootsFromEnvironment());
  if (!folder.ok()) return folder.status();
  auto tokenizer = text::Tokenizer::Load(*folder / "tokenizer.json");
  if (!tokenizer.ok()) return tokenizer.status();
  auto content = ReadAll(file);
  if (!content.ok()) return content.status();

  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  Table table;
  table.columns = {{"", "ids"}};
  for (const std::string_view text : SplitTexts(*content)) {
    const std::vector<std::int32_t> ids = tokenizer->Encode(text);
    json.push_back(ids);
    std::string line;
    for (const std::int32_t id : ids) absl::StrAppend(&line, line.empty() ? "" : " ", id);
    table.rows.push_back({line});
  }
  if (context.output == OutputFormat::kTable) {
    // Ids are for other programs too: never cut at the terminal's edge.
    for (const auto& row : table.rows) context.out << row[0].text << '\n';
  } else if (context.output == OutputFormat::kJson) {
    context.out << json.dump() << '\n';
  } else {
    context.Print(table, json);
  }
  return absl::OkStatus();
}

}  // namespace

void AddModelCommands(CLI::App& app, Context& context) {
  CLI::App* model = app.add_subcommand("model", "Base models: import, info");
  model->require_subcommand(1);
  CLI::App* import = model->add_subcommand("import", "Turn a GGUF file into a model folder");
  auto file = std::make_shared<std::string>();
  auto out = std::make_shared<std::filesystem::path>();
  import->add_option("file", *file, "GGUF file of a Llama model")->required()->type_name("FILE.gguf");
  import->add_option("--out", *out, "Folder to make")->required()->type_name("DIR");
  import->callback([=, &context] {
    context.action = [=, &context] { return Import(context, *file, *out);
};
}  // namespace lorasweep::cli
);

auto name = std::make_shared<std::string>();
CLI::App* info = model->add_subcommand("info", "Tell a model's shape, size and tokenizer");
info->add_option("model", *name, "Folder, or name of a model in a cache")->required()->type_name("MODEL");
info->callback([=, &context] { context.action = [=, &context] { return Info(context, *name); }; });

auto texts = std::make_shared<std::string>();
CLI::App* tokenize =
    app.add_subcommand("tokenize", "Token ids of texts: NUL-separated when a NUL occurs, else one a line");
tokenize->add_option("model", *name, "Folder, or name of a model in a cache")->required()->type_name("MODEL");
tokenize->add_option("file", *texts, "Texts; standard input when absent")->type_name("FILE");
tokenize->callback([=, &context] { context.action = [=, &context] { return Tokenize(context, *name, *texts); }; });
}

}  // namespace lorasweep::cli
