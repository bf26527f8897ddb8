#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/comparison.h"
#include "cli/display_text.h"
#include "cli/message_json.h"

namespace lorasweep::cli {
namespace {

absl::Status Compare(Context& context, const std::vector<std::string>& texts) {
  Client client(context.server, context.access);
  std::vector<std::string> names;
  for (const std::string& text : texts) {
    const auto sweep = client.FindSweep(text);
    if (!sweep.ok()) return context.Explain(sweep.status(), client);
    names.push_back(sweep->name());
  }
  const auto comparison = client.CompareSweeps(names);
  if (!comparison.ok()) return context.Explain(comparison.status(), client);
  context.Print(ComparisonTable(*comparison), ToJson(*comparison));
  if (context.output != OutputFormat::kTable) return absl::OkStatus();
  if (comparison->obstacles_size() > 0) context.out << "\nThese values do not compare:\n";
  for (const std::string& obstacle : comparison->obstacles()) context.out << "  " << Printable(obstacle) << '\n';
  for (const Table& table : {ProgressTable(*comparison), DifferenceTable(*comparison)}) {
    if (table.rows.empty()) continue;
    context.out << '\n';
    context.Print(table, {});
  }
  if (comparison->differences().empty()) context.out << "\nTheir files differ in nothing but their names.\n";
  return absl::OkStatus();
}

}  // namespace

void AddCompareCommand(CLI::App& app, Context& context) {
  CLI::App* compare = app.add_subcommand("compare", "Put sweeps side by side: bests, progress, what differs");
  auto sweeps = std::make_shared<std::vector<std::string>>();
  compare->add_option("sweeps", *sweeps, "Two or more sweeps: ids, names or the beginnings of ids")
      ->required()
      ->expected(2, 20)
      ->type_name("SWEEP");
  compare->callback([=, &context] { context.action = [=, &context] { return Compare(context, *sweeps); }; });
}

}  // namespace lorasweep::cli
