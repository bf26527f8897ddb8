#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/adapter_download.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/progress.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

absl::Status GetAdapter(Context& context, const std::string& text, const std::filesystem::path& out) {
  const auto target = ParseTarget(text);
  if (!target.ok()) return target.status();
  if (!target->trial) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' names a whole sweep; write SWEEP/TRIAL"));
  }
  Client client(context.server);
  auto sweep = client.FindSweep(target->sweep);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  auto trial = client.GetTrial(sweep->name(), *target->trial);
  if (!trial.ok()) return context.Explain(trial.status(), client);
  const auto adapter = AdapterOf(*trial);
  if (!adapter.ok()) return adapter.status();
  std::int64_t bytes = 0;
  for (const v1::ArtifactFile& file : adapter->files()) bytes += file.size_bytes();
  {
    Progress progress(context, "downloading");
    const absl::Status status = DownloadArtifact(
        client, *adapter, out, [&progress](std::int64_t done, std::int64_t total) { progress.Set(done, total); });
    if (!status.ok()) return context.Explain(status, client);
  }
  nlohmann::ordered_json answer;
  answer["path"] = out.string();
  answer["trial"] = trial->name();
  answer["artifact"] = ToJson(*adapter);
  if (context.output == OutputFormat::kTable) {
    context.out << "adapter of trial " << trial->number() << " (step " << adapter->step() << ", "
                << FormatBytes(static_cast<double>(bytes)) << ") is in " << out.string() << '\n';
  } else {
    context.Print(FactTable({{"path", out.string()}, {"trial", trial->name()}}), answer);
  }
  return absl::OkStatus();
}

}  // namespace

void AddAdapterCommands(CLI::App& app, Context& context) {
  CLI::App* adapter = app.add_subcommand("adapter", "Trained adapters: get");
  adapter->require_subcommand(1);
  CLI::App* get = adapter->add_subcommand("get", "Download a trial's adapter as a PEFT folder");
  auto target = std::make_shared<std::string>();
  auto out = std::make_shared<std::filesystem::path>();
  get->add_option("trial", *target, "Whose adapter")->required()->type_name("SWEEP/TRIAL");
  get->add_option("--out", *out, "Folder to make; must not exist")->required()->type_name("PATH");
  get->callback([=, &context] { context.action = [=, &context] { return GetAdapter(context, *target, *out); }; });
}

}  // namespace lorasweep::cli
