#include <unistd.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/sweep_input.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

absl::Status Submit(Context& context, const std::string& file, const std::vector<std::string>& overrides) {
  auto spec = ReadSweep(context, file, overrides);
  if (!spec.ok()) return spec.status();
  Client client(context.server, context.access);
  auto sweep = client.CreateSweep(*spec);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  if (!sweep->waiting_reason().empty()) {
    context.err << "note: " << IdOf(sweep->name()) << ' ' << Printable(sweep->waiting_reason())
                << "; none is online now\n";
  }
  // A table of one sweep would be hard to use in a script: its name alone is what the next command needs.
  if (context.output == OutputFormat::kTable) {
    context.out << sweep->name() << '\n';
  } else {
    context.Print(SweepTable({&*sweep, 1}, std::time(nullptr)), ToJson(*sweep));
  }
  return absl::OkStatus();
}

absl::Status List(Context& context, const std::vector<std::string>& tags) {
  Client client(context.server, context.access);
  auto sweeps = client.ListSweeps(tags);
  if (!sweeps.ok()) return context.Explain(sweeps.status(), client);
  if (sweeps->empty() && !tags.empty() && context.output == OutputFormat::kTable) {
    context.out << "No sweep has " << (tags.size() == 1 ? "this tag" : "all of these tags") << ".\n";
    return absl::OkStatus();
  }
  if (sweeps->empty() && context.output == OutputFormat::kTable) {
    context.out << "No sweeps yet. Start one with:\n  lorasweep submit SWEEP.yaml\n";
    return absl::OkStatus();
  }
  context.Print(SweepTable(*sweeps, std::time(nullptr)), ToJsonArray(*sweeps));
  return absl::OkStatus();
}

using Change = absl::StatusOr<v1::Sweep> (Client::*)(const std::string& name);

// "math-tutor-2 is pausing: …" for what a change means to the trials that run.
std::string WhatHappens(const v1::Sweep& sweep) {
  const std::int64_t running = sweep.trial_counts().running();
  const std::string going = running == 0 ? ""
                                         : absl::StrCat("; ", Plural(running, "running trial"),
                                                        running == 1 ? " goes" : " go", " on to the end");
  switch (sweep.state()) {
    case v1::Sweep::PAUSED:
      return absl::StrCat("paused: no new trials", going);
    case v1::Sweep::STOPPING:
      return absl::StrCat("stopping: no new trials", going);
    default:
      return std::string(StateWord(sweep.state()));
  }
}

absl::Status ChangeSweep(Context& context, const std::string& text, Change change) {
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(text);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  sweep = (client.*change)(sweep->name());
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  if (context.output == OutputFormat::kTable) {
    context.out << IdOf(sweep->name()) << ' ' << WhatHappens(*sweep) << '\n';
  } else {
    context.Print(SweepTable({&*sweep, 1}, std::time(nullptr)), ToJson(*sweep));
  }
  return absl::OkStatus();
}

// Asks only where a person can answer; a script has said what it wants.
bool PersonAgrees(Context& context, const std::string& question) {
  if (isatty(STDIN_FILENO) == 0 || !context.err_terminal.interactive) return true;
  context.err << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

absl::Status Delete(Context& context, const std::string& text, bool agreed) {
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(text);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  const std::string id = IdOf(sweep->name());
  const v1::TrialCounts& counts = sweep->trial_counts();
  const std::string question =
      absl::StrCat("Delete ", id, " with ", Plural(counts.completed() + counts.pruned(), "finished trial"),
                   ", its observations and adapters? This cannot be undone.");
  if (!agreed && !PersonAgrees(context, Printable(question))) return absl::CancelledError("nothing was deleted");
  const absl::Status status = client.DeleteSweep(sweep->name());
  if (!status.ok()) return context.Explain(status, client);
  if (context.output == OutputFormat::kTable) {
    context.out << id << " deleted\n";
  } else {
    context.Print(SweepTable({&*sweep, 1}, std::time(nullptr)), ToJson(*sweep));
  }
  return absl::OkStatus();
}

}  // namespace

void AddSweepCommands(CLI::App& app, Context& context) {
  CLI::App* submit = app.add_subcommand("submit", "Hand a sweep file to the server; prints the sweep's id");
  auto file = std::make_shared<std::string>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  submit->add_option("file", *file, "Sweep file")->required()->type_name("SWEEP.yaml");
  submit->add_option("--set", *overrides, "Set a key of the file: training.max_steps=50")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  submit->callback([=, &context] { context.action = [=, &context] { return Submit(context, *file, *overrides); }; });

  CLI::App* list = app.add_subcommand("list", "List the sweeps, newest first");
  auto tags = std::make_shared<std::vector<std::string>>();
  list->add_option("--tag", *tags, "Only sweeps with this tag; given again: with all of them")
      ->type_name("TAG")
      ->allow_extra_args(false);
  list->callback([=, &context] { context.action = [=, &context] { return List(context, *tags); }; });

  const auto add_change = [&](const char* name, const char* help, Change change) {
    auto sweep = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("sweep", *sweep, "Sweep: its id, its name or the beginning of its id")
        ->required()
        ->type_name("SWEEP");
    command->callback(
        [=, &context] { context.action = [=, &context] { return ChangeSweep(context, *sweep, change); }; });
  };
  add_change("pause", "Start no new trials; those that run go on", &Client::PauseSweep);
  add_change("resume", "Go on with a paused sweep", &Client::ResumeSweep);
  add_change("stop", "End a sweep once its running trials are done", &Client::StopSweep);
  add_change("cancel", "End a sweep and its running trials at once", &Client::CancelSweep);

  CLI::App* remove = app.add_subcommand("delete", "Remove a sweep that ended, with its trials and adapters");
  auto sweep = std::make_shared<std::string>();
  auto agreed = std::make_shared<bool>(false);
  remove->add_option("sweep", *sweep, "Sweep: its id, its name or the beginning of its id")
      ->required()
      ->type_name("SWEEP");
  remove->add_flag("-y,--yes", *agreed, "Do not ask");
  remove->callback([=, &context] { context.action = [=, &context] { return Delete(context, *sweep, *agreed); }; });
}

}  // namespace lorasweep::cli
