#include <CLI/CLI.hpp>
#include <ctime>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/message_json.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

absl::Status ListWorkers(Context& context) {
  Client client(context.server, context.access);
  auto workers = client.ListWorkers();
  if (!workers.ok()) return context.Explain(workers.status(), client);
  if (workers->empty() && context.output == OutputFormat::kTable) {
    context.out << "No worker has come yet. Start one with:\n  lorasweep-worker --server " << context.server << '\n';
    return absl::OkStatus();
  }
  context.Print(WorkerTable(*workers, std::time(nullptr)), ToJsonArray(*workers));
  return absl::OkStatus();
}

}  // namespace

void AddWorkerCommands(CLI::App& app, Context& context) {
  CLI::App* workers = app.add_subcommand("workers", "List the programs that train, and what each is doing");
  workers->callback([&context] { context.action = [&context] { return ListWorkers(context); }; });
}

}  // namespace lorasweep::cli
