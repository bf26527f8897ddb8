#include "cli/app.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/names.h"
#include "cli/shell_completion.h"
#include "manual/completion.h"
#include "proto/spelling.h"

namespace lorasweep::cli {
namespace {

constexpr int kWrongUsage = 2;

// The innermost chosen subcommand.
const CLI::App* Chosen(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

// Long names, without their dashes.
std::vector<std::string> OptionNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
    }
  }
  return names;
}

std::vector<std::string> CommandNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

// What is wrong with an argument that nothing takes.
std::string Unexpected(const CLI::App* command, const std::string& argument) {
  if (argument.size() > 1 && argument[0] == '-') {
    const std::string name = argument.substr(0, argument.find('='));
    const std::string bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
    const auto nearest = proto::NearestWord(bare, OptionNames(command));
    return absl::StrCat("unknown option '", name, "'", nearest ? absl::StrCat("; did you mean --", *nearest, "?") : "");
  }
  const std::vector<std::string> commands = CommandNames(command);
  if (commands.empty()) return absl::StrCat("unexpected argument '", argument, "'");
  return absl::StrCat("unknown command '", argument, "'", proto::DidYouMean(argument, commands));
}

int Fail(const CLI::App* command, const std::string& what, std::ostream& err) {
  std::string path;
  for (const CLI::App* at = command; at != nullptr && at->get_parent() != nullptr; at = at->get_parent()) {
    path = absl::StrCat(" ", at->get_name(), path);
  }
  err << "error: " << Printable(what) << "\nTry `lorasweep" << path << " --help`.\n";
  return kWrongUsage;
}

}  // namespace

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  if (absl::IsInvalidArgument(status)) return kWrongUsage;
  if (absl::IsUnavailable(status)) return 3;
  return 1;
}

absl::Status Context::Explain(const absl::Status& status, const Client& client) const {
  if (verbose && !status.ok() && !client.technical().empty()) err << Printable(client.technical()) << '\n';
  return status;
}

int RunProgram(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  Context context{.out = out, .err = err, .out_terminal = MeasureTerminal(1), .err_terminal = MeasureTerminal(2)};
  context.program = arguments.empty() ? "lorasweep" : arguments.front();

  CLI::App app{"Finds good LoRA fine-tuning settings for a language model.", "lorasweep"};
  std::string output = "table";
  app.option_defaults()->always_capture_default();
  app.add_option("--server", context.server, "Where the server listens")
      ->type_name("HOST:PORT")
      ->envname("LORASWEEP_SERVER");
  app.add_option("--tls-ca", context.access.tls_ca,
                 "PEM file of the authorities that the server's certificate may come from; speak TLS")
      ->type_name("FILE")
      ->envname("LORASWEEP_TLS_CA");
  app.add_option("--token-file", context.access.token_file, "File with the token to show to the server")
      ->type_name("FILE")
      ->envname("LORASWEEP_TOKEN_FILE");
  app.add_option("--token", context.access.token, "The token itself; others on this machine can read command lines")
      ->type_name("TEXT")
      ->envname("LORASWEEP_TOKEN");
  app.add_option("--output,-o", output, "How answers are written")->type_name("table|json|csv|yaml");
  app.add_flag("-v,--verbose", context.verbose, "Tell technical details of errors");
  app.set_version_flag("--version", "lorasweep " LORASWEEP_VERSION);
  app.require_subcommand(0, 1);
  app.allow_extras();
  app.fallthrough();  // inherited by the subcommands: global options may stand behind them too
  AddRunCommand(app, context);
  AddWaitCommand(app, context);
  AddFinishCommand(app, context);
  AddTrainCommand(app, context);
  AddChatCommand(app, context);
  AddPlaygroundCommand(app, context);
  AddEvaluateCommand(app, context);
  AddSpeedCommand(app, context);
  AddPreviewCommand(app, context);
  AddSweepCommands(app, context);
  AddTrialCommands(app, context);
  AddTrialActions(app, context);
  AddNoteCommands(app, context);
  AddCompareCommand(app, context);
  AddWorkerCommands(app, context);
  AddAdapterCommands(app, context);
  AddExportCommand(app, context);
  AddDataCommands(app, context);
  AddModelCommands(app, context);
  AddDoctorCommand(app, context);
  AddShellCommands(app, context);

  if (arguments.size() > 1 && arguments[1] == manual::kCompleteCommand) {
    PrintCompletion(app, context, {arguments.begin() + 2, arguments.end()});
    return 0;
  }

  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  if (!reversed.empty()) reversed.pop_back();
  try {
    app.parse(reversed);
  } catch (const CLI::Success& answer) {  // --help and --version
    return app.exit(answer, out, err);
  } catch (const CLI::ParseError& error) {
    return Fail(Chosen(&app), error.what(), err);
  }
  const CLI::App* command = Chosen(&app);
  const std::vector<std::string> extra = app.remaining(/*recurse=*/true);
  if (!extra.empty()) return Fail(command, Unexpected(command, extra.front()), err);
  if (!context.action) {
    err << command->help();
    return kWrongUsage;
  }

  absl::StatusOr<OutputFormat> format = ParseOutputFormat(output);
  absl::Status status = format.status();
  if (status.ok()) status = CheckServerAddress(context.server);
  if (status.ok()) {
    context.output = *format;
    status = context.action();
  }
  out.flush();
  if (!status.ok()) err << "error: " << PrintableLines(std::string{status.message()}) << '\n';
  return ExitCode(status);
}

}  // namespace lorasweep::cli
