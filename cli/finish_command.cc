#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/finish_spec.h"
#include "cli/format.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

absl::Status Finish(Context& context, const std::string& text, const FinishOptions& options) {
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(text);
  if (sweep.ok()) sweep = client.GetSweep(sweep->name());
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  const auto leaderboard = client.GetLeaderboard(sweep->name(), static_cast<std::int32_t>(options.top));
  if (!leaderboard.ok()) return context.Explain(leaderboard.status(), client);
  const auto spec = FinishSpec(*sweep, *leaderboard, options);
  if (!spec.ok()) return spec.status();
  const auto made = client.CreateSweep(*spec);
  if (!made.ok()) return context.Explain(made.status(), client);
  if (context.output != OutputFormat::kTable) {
    context.Print(SweepTable({&*made, 1}, std::time(nullptr)), ToJson(*made));
    return absl::OkStatus();
  }
  // Its name alone is what the next command needs.
  context.out << made->name() << '\n';
  const std::string id = IdOf(made->name());
  context.err << "trains the best " << Plural(spec->start_points_size(), "point") << " of " << IdOf(sweep->name())
              << " to the end, each " << Plural(options.seeds + 1, "time") << "; then `lorasweep leaderboard " << id
              << "` says which one it is\n";
  return absl::OkStatus();
}

}  // namespace

void AddFinishCommand(CLI::App& app, Context& context) {
  CLI::App* finish = app.add_subcommand(
      "finish", "Train a sweep's winners at full length, with several seeds, as a sweep of their own");
  auto sweep = std::make_shared<std::string>();
  auto options = std::make_shared<FinishOptions>();
  finish->add_option("sweep", *sweep, "Sweep: its id, its name or the beginning of its id")
      ->required()
      ->type_name("SWEEP");
  finish->add_option("--top", options->top, "How many of the best")->check(CLI::Range(1, 1000))->type_name("N");
  finish->add_option("--seeds", options->seeds, "Further runs of each, with other seeds")
      ->check(CLI::Range(0, 100))
      ->type_name("S");
  finish->add_option("--set", options->overrides, "A setting that was not searched, for the winners: max_steps=2000")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  finish->callback([=, &context] { context.action = [=, &context] { return Finish(context, *sweep, *options); }; });
}

}  // namespace lorasweep::cli
