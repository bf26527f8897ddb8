#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/adapter_download.h"
#include "cli/adapter_source.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/llama_program.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "trainer_core/gguf/export.h"
#include "trainer_core/merge/merge.h"
#include "trainer_core/text/staging_folder.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

absl::Status GetAdapter(Context& context, const std::string& text, const fs::path& out) {
  const auto target = ParseTarget(text);
  if (!target.ok()) return target.status();
  if (!target->trial) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' names a whole sweep; write SWEEP/TRIAL"));
  }
  Client client(context.server, context.access);
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

struct ExportFlags {
  std::string adapter;
  std::string base;
  std::string type;
  fs::path out;
  bool lora = false;
};

// The file or folder that was written.
void TellWritten(Context& context, const fs::path& out, const AdapterSource& source) {
  std::error_code error;
  std::uintmax_t bytes = fs::is_directory(out, error) ? 0 : fs::file_size(out, error);
  for (fs::recursive_directory_iterator entry(out, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_regular_file(error)) bytes += entry->file_size(error);
  }
  if (context.output == OutputFormat::kTable) {
    context.out << "wrote " << out.string() << " (" << FormatBytes(static_cast<double>(bytes)) << ")\n";
    return;
  }
  context.Print(FactTable({{"path", out.string()}, {"base_model", source.base().string()}}),
                {{"path", out.string()}, {"base_model", source.base().string()}, {"size_bytes", bytes}});
}

absl::Status Merge(Context& context, const ExportFlags& flags) {
  const auto source = AdapterSource::Open(context, flags.adapter, flags.base);
  if (!source.ok()) return source.status();
  {
    Progress progress(context, "merging");
    const absl::Status merged =
        merge::MergeAdapter(source->base(), source->folder(), flags.out,
                            [&](std::int64_t done, std::int64_t total) { progress.Set(done, total); });
    if (!merged.ok()) return merged;
  }
  TellWritten(context, flags.out, *source);
  return absl::OkStatus();
}

absl::Status ToGguf(Context& context, const ExportFlags& flags) {
  const std::string type = flags.type.empty() ? (flags.lora ? "f16" : "q4_k_m") : absl::AsciiStrToLower(flags.type);
  if (absl::Status known = CheckGgufType(type); !known.ok()) return known;
  std::error_code error;
  if (fs::exists(flags.out, error)) {
    return absl::AlreadyExistsError(absl::StrCat(flags.out.string(), " is there already"));
  }
  const auto source = AdapterSource::Open(context, flags.adapter, flags.base);
  if (!source.ok()) return source.status();
  if (flags.lora) {
    const absl::Status written = gguf::ExportLoraGguf(source->base(), source->folder(), type, flags.out);
    if (!written.ok()) return written;
    TellWritten(context, flags.out, *source);
    return absl::OkStatus();
  }
  // The merged model stays only as long as the file is made of it.
  const fs::path folder = flags.out.parent_path().empty() ? fs::path(".") : flags.out.parent_path();
  const auto merged = text::StagingFolder::Create(folder / (flags.out.filename().string() + ".merged"));
  if (!merged.ok()) return merged.status();
  // Its name is the model's name in the file.
  const fs::path model = merged->path() / flags.out.stem();
  {
    Progress progress(context, "merging");
    const absl::Status done = merge::MergeAdapter(
        source->base(), source->folder(), model, [&](std::int64_t at, std::int64_t total) { progress.Set(at, total); });
    if (!done.ok()) return done;
  }
  {
    Progress progress(context, "writing");
    const absl::Status done =
        gguf::ExportGguf(model, type, flags.out, [&](std::int64_t at, std::int64_t total) { progress.Set(at, total); });
    if (!done.ok()) return done;
  }
  TellWritten(context, flags.out, *source);
  return absl::OkStatus();
}

void AddSource(CLI::App& command, const std::shared_ptr<ExportFlags>& flags) {
  command.add_option("adapter", flags->adapter, "A folder with an adapter, or a trial of the server's")
      ->required()
      ->type_name("SWEEP/TRIAL|FOLDER");
  command.add_option("--base", flags->base, "Base model (default: the one that the adapter names)")->type_name("MODEL");
}

}  // namespace

void AddAdapterCommands(CLI::App& app, Context& context) {
  CLI::App* adapter = app.add_subcommand("adapter", "Trained adapters: get, merge, gguf");
  adapter->require_subcommand(1);
  CLI::App* get = adapter->add_subcommand("get", "Download a trial's adapter as a PEFT folder");
  auto target = std::make_shared<std::string>();
  auto out = std::make_shared<std::filesystem::path>();
  get->add_option("trial", *target, "Whose adapter")->required()->type_name("SWEEP/TRIAL");
  get->add_option("--out", *out, "Folder to make; must not exist")->required()->type_name("DIR");
  get->callback([=, &context] { context.action = [=, &context] { return GetAdapter(context, *target, *out); }; });

  CLI::App* merge = adapter->add_subcommand("merge", "Merge an adapter into its base: a model folder of its own");
  auto flags = std::make_shared<ExportFlags>();
  AddSource(*merge, flags);
  merge->add_option("--out", flags->out, "Folder to make; must not exist")->required()->type_name("DIR");
  merge->callback([=, &context] { context.action = [=, &context] { return Merge(context, *flags); }; });

  CLI::App* gguf = adapter->add_subcommand("gguf", "Write the merged model, or the adapter alone, for llama.cpp");
  AddSource(*gguf, flags);
  gguf->add_option("--type", flags->type,
                   "How weights are stored, also by other names of llama.cpp's (default: q4_k_m; f16 with --lora)")
      ->type_name("f32|f16|bf16|q8_0|q6_k|q5_k_m|q4_k_m");
  gguf->add_option("--out", flags->out, "File to make; must not exist")->required()->type_name("FILE.gguf");
  gguf->add_flag("--lora", flags->lora, "The adapter alone, to be applied to the base model's GGUF file");
  gguf->callback([=, &context] { context.action = [=, &context] { return ToGguf(context, *flags); }; });
}

}  // namespace lorasweep::cli
