#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/signals.h"
#include "cli/sweep_end.h"
#include "cli/tables.h"
#include "cli/watch_view.h"

namespace lorasweep::cli {
namespace {

absl::Status Wait(Context& context, const std::string& text, const std::string& notify) {
  Signals signals;  // before the client's threads
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(text);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  LiveState state(sweep->revision());
  const absl::Status watched = WatchSweep(
      context, client, sweep->name(), signals,
      [](int signal, std::vector<LiveEvent>&) { return signal == 0 ? WatchStep::kGoOn : WatchStep::kLeave; }, state);
  const std::string id = IdOf(sweep->name());
  if (absl::IsCancelled(watched)) return absl::CancelledError(absl::StrCat("not waited to the end; ", id, " goes on"));
  if (!watched.ok()) return context.Explain(watched, client);
  sweep = client.GetSweep(sweep->name());
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  if (context.output == OutputFormat::kTable) {
    context.out << id << ' ' << StateWord(sweep->state()) << '\n';
  } else {
    context.Print(SweepTable({&*sweep, 1}, std::time(nullptr)), ToJson(*sweep));
  }
  NotifyOfEnd(context, client, notify, sweep->name());
  return StatusOfEnd(*sweep);
}

}  // namespace

void AddWaitCommand(CLI::App& app, Context& context) {
  CLI::App* wait = app.add_subcommand("wait", "Wait until a sweep has ended; fails unless it completed");
  auto sweep = std::make_shared<std::string>();
  auto notify = std::make_shared<std::string>();
  wait->add_option("sweep", *sweep, "Sweep: its id, its name or the beginning of its id")
      ->required()
      ->type_name("SWEEP");
  wait->add_option("--notify", *notify, "Shell command to run then; LORASWEEP_STATE and others tell it what came of it")
      ->type_name("COMMAND");
  wait->callback([=, &context] { context.action = [=, &context] { return Wait(context, *sweep, *notify); }; });
}

}  // namespace lorasweep::cli
