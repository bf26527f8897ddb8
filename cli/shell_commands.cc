#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/names.h"
#include "cli/shell_completion.h"
#include "manual/completion.h"
#include "manual/man_page.h"

namespace lorasweep::cli {
namespace {

constexpr std::chrono::seconds kPatience{1};  // of a person who pressed Tab
constexpr std::size_t kMostNames = 200;

manual::PageNotes Notes() {
  return {
      .version = LORASWEEP_VERSION,
      .paragraphs = {"A sweep file says what to search. `lorasweep run` runs it here; `lorasweep submit` hands it to a "
                     "lorasweep-server, whose workers may be on many machines.",
                     "The options below may stand before and behind the command."},
      .exit_codes = {{"0", "done"},
                     {"1", "the work failed"},
                     {"2", "wrong usage"},
                     {"3", "the server was not reached"}},
      .see_also = {"lorasweep-server", "lorasweep-worker"}};
}

// Of sweeps that begin as what was typed, newest first.
void AddSweeps(Client& client, manual::Completion* completion) {
  const auto sweeps = client.ListSweeps();
  if (!sweeps.ok()) return;
  // Without a trial the line would be wrong: its name goes on.
  const std::string ending = completion->trial_needed ? "/" : "";
  for (const v1::Sweep& sweep : *sweeps) {
    const std::string id = IdOf(sweep.name());
    if (completion->candidates.size() == kMostNames) return;
    if (!id.starts_with(completion->typed)) continue;
    completion->candidates.push_back(
        {absl::StrCat(completion->before, id, ending), std::string{StateWord(sweep.state())}});
  }
}

void AddTrials(Client& client, const std::string& sweep, manual::Completion* completion) {
  const auto found = client.FindSweep(sweep);
  if (!found.ok()) return;
  const auto add = [&](const std::string& trial, std::string_view help) {
    const std::string name = absl::StrCat(sweep, "/", trial);
    if (!name.starts_with(completion->typed)) return;
    completion->candidates.push_back({absl::StrCat(completion->before, name), std::string{help}});
  };
  if (found->best_trial() >= 0) add("best", absl::StrCat("trial ", found->best_trial()));
  const auto trials = client.ListTrials(found->name(), "", "", kMostNames);
  if (!trials.ok()) return;
  for (const v1::Trial& trial : *trials) add(std::to_string(trial.number()), StateWord(trial.state()));
}

}  // namespace

void AddShellCommands(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  manual::AddCompletionCommand(app, shell.get())->callback([=, &context] {
    context.action = [=, &context]() -> absl::Status {
      const auto script = manual::CompletionScript(*shell, "lorasweep");
      if (!script.ok()) return script.status();
      context.out << *script;
      return absl::OkStatus();
    };
  });

  app.add_subcommand("man", "Print the manual page: lorasweep man | man -l -")->callback([&app, &context] {
    context.action = [&app, &context] {
      context.out << manual::ManPage(app, Notes());
      return absl::OkStatus();
    };
  });
}

void PrintCompletion(CLI::App& app, Context& context, const std::vector<std::string>& words) {
  manual::Completion completion = manual::Complete(app, words);
  if (completion.sweep || completion.trial) {
    // Where the server is and how to speak with it: as a command with these options, and the environment, has it.
    std::vector<std::string> reversed = {"list"};
    for (const char* name : {"server", "tls-ca", "token-file", "token"}) {
      const auto at = completion.options.find(name);
      if (at != completion.options.end()) reversed.push_back(absl::StrCat("--", name, "=", at->second));
    }
    try {
      app.parse(reversed);
    } catch (const CLI::Error&) {
      return;  // wrong so far: there is nothing to offer
    }
    if (!CheckServerAddress(context.server).ok()) return;
    Client client(context.server, context.access, kPatience);
    const std::size_t slash = completion.typed.find('/');
    if (slash == std::string::npos) {
      AddSweeps(client, &completion);
    } else if (completion.trial) {
      AddTrials(client, completion.typed.substr(0, slash), &completion);
    }
  }
  for (manual::Candidate& candidate : completion.candidates) candidate.word = Printable(candidate.word);
  context.out << manual::CompletionLines(completion);
}

}  // namespace lorasweep::cli
