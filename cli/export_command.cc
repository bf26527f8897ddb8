#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/event_writer.h"
#include "cli/format.h"
#include "cli/names.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/tables.h"
#include "doors/frame.h"
#include "doors/mlflow.h"
#include "doors/optuna_journal.h"
#include "doors/tensorboard.h"
#include "doors/wandb.h"
#include "trainer_core/text/file.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

struct ExportFlags {
  std::string sweep;
  std::string format = "csv";
  std::string what = "trials";
  std::string out;
  std::string experiment;
  bool watch = false;
};

absl::StatusOr<doors::SweepResults> Fetch(Context& context, Client& client, const v1::Sweep& sweep) {
  auto trials = client.ListTrials(sweep.name(), "number", "", 0);
  if (!trials.ok()) return trials.status();
  doors::SweepResults results{.sweep = sweep, .trials = {}};
  Progress progress(context, "fetching");
  for (v1::Trial& trial : *trials) {
    auto observations = client.ListObservations(sweep.name(), trial.number());
    if (!observations.ok()) return observations.status();
    results.trials.push_back({std::move(trial), *std::move(observations)});
    progress.Set(static_cast<std::int64_t>(results.trials.size()), static_cast<std::int64_t>(trials->size()));
  }
  return results;
}

std::string ToCsv(const doors::Frame& frame) {
  Table table;
  for (const doors::FrameColumn& column : frame.columns) table.columns.push_back({column.name, column.name});
  table.rows.resize(frame.rows());
  for (const doors::FrameColumn& column : frame.columns) {
    for (std::size_t row = 0; row < frame.rows(); ++row) {
      const doors::FrameValue& value = column.values[row];
      std::string text;
      if (const auto* flag = std::get_if<bool>(&value)) text = *flag ? "true" : "false";
      if (const auto* integer = std::get_if<std::int64_t>(&value)) text = std::to_string(*integer);
      if (const auto* number = std::get_if<double>(&value)) text = ExactNumber(*number);
      if (const auto* words = std::get_if<std::string>(&value)) text = *words;
      table.rows[row].emplace_back(text);
    }
  }
  return RenderCsv(table);
}

// A list of objects: pandas.read_json takes it as it is. What is no number is null.
std::string ToJsonRecords(const doors::Frame& frame) {
  nlohmann::ordered_json records = nlohmann::ordered_json::array();
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    nlohmann::ordered_json record;
    for (const doors::FrameColumn& column : frame.columns) {
      std::visit(
          [&](const auto& value) {
            if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
              record[column.name] = nullptr;
            } else {
              record[column.name] = value;
            }
          },
          column.values[row]);
    }
    records.push_back(std::move(record));
  }
  return records.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

absl::Status WriteTable(const ExportFlags& flags, const doors::SweepResults& results) {
  const doors::Frame frame =
      flags.what == "observations" ? doors::ObservationFrame(results) : doors::TrialFrame(results);
  if (flags.format == "parquet") return doors::WriteParquet(frame, flags.out);
  return text::WriteFile(flags.out, flags.format == "json" ? ToJsonRecords(frame) : ToCsv(frame));
}

absl::Status WriteEvents(const ExportFlags& flags, const doors::SweepResults& results) {
  doors::TensorBoardWriter writer(flags.out);
  for (const doors::TrialResults& one : results.trials) {
    if (absl::Status added = writer.Add(one.trial); !added.ok()) return added;
    for (const v1::Observation& observation : one.observations) {
      if (absl::Status added = writer.Add(one.trial.number(), observation); !added.ok()) return added;
    }
  }
  return writer.Flush();
}

// Writes events as they come, until the sweep has ended or Ctrl-C.
absl::Status WatchEvents(Context& context, const ExportFlags& flags, const std::string& sweep, Signals& signals) {
  context.err << "writing events to " << flags.out << " until " << IdOf(sweep) << " has ended; Ctrl-C leaves\n"
              << std::flush;
  EventWriter events(context.server, context.access, sweep, flags.out);
  while (!events.done()) {
    if (signals.Wait(std::chrono::milliseconds(100)) != 0) events.Leave();
  }
  return events.Finish();
}

absl::Status Write(const ExportFlags& flags, const doors::SweepResults& results) {
  const std::string experiment = flags.experiment.empty() ? IdOf(results.sweep.name()) : flags.experiment;
  if (flags.format == "tensorboard") return WriteEvents(flags, results);
  if (flags.format == "wandb") return doors::ExportToWandb(results, {.folder = flags.out, .project = experiment});
  if (flags.format == "optuna") return text::WriteFile(flags.out, doors::OptunaJournal(results));
  if (flags.format != "mlflow") return WriteTable(flags, results);
  const char* token = std::getenv("MLFLOW_TRACKING_TOKEN");
  return doors::ExportToMlflow(results,
                               {.url = flags.out, .experiment = experiment, .token = token != nullptr ? token : ""});
}

absl::Status Export(Context& context, const ExportFlags& flags) {
  if (flags.watch && flags.format != "tensorboard") {
    return absl::InvalidArgumentError("--watch goes with --format tensorboard only");
  }
  std::error_code error;
  const bool folder = flags.format == "tensorboard" || flags.format == "wandb";
  if (!folder && flags.format != "mlflow" && fs::is_directory(flags.out, error)) {
    return absl::InvalidArgumentError(absl::StrCat(flags.out, " is a folder; --out takes a file"));
  }
  std::unique_ptr<Signals> signals;
  if (flags.watch) signals = std::make_unique<Signals>();  // before the client's threads
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(flags.sweep);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  if (flags.watch) return WatchEvents(context, flags, sweep->name(), *signals);
  const auto results = Fetch(context, client, *sweep);
  if (!results.ok()) return context.Explain(results.status(), client);
  if (absl::Status written = Write(flags, *results); !written.ok()) return written;
  const auto trials = static_cast<std::int64_t>(results->trials.size());
  if (context.output == OutputFormat::kTable) {
    context.out << "wrote " << Plural(trials, "trial") << " of " << IdOf(sweep->name()) << " to " << flags.out << '\n';
  } else {
    context.Print(FactTable({{"path", flags.out}}), {{"path", flags.out}, {"trials", trials}});
  }
  return absl::OkStatus();
}

}  // namespace

void AddExportCommand(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand(
      "export", "Take a sweep's results elsewhere: csv, json, parquet, TensorBoard, Optuna, MLflow, W&B");
  auto flags = std::make_shared<ExportFlags>();
  command->add_option("sweep", flags->sweep, "Sweep: its id, its name or the beginning of its id")
      ->required()
      ->type_name("SWEEP");
  command
      ->add_option("--format", flags->format,
                   "csv, json, parquet, tensorboard, optuna (a journal file), mlflow or wandb")
      ->check(CLI::IsMember({"csv", "json", "parquet", "tensorboard", "optuna", "mlflow", "wandb"}))
      ->type_name("FORMAT");
  command
      ->add_option("--out", flags->out,
                   "File to write; a folder for tensorboard and wandb; the tracking server's address for mlflow")
      ->required()
      ->type_name("PATH|URL");
  command->add_option("--what", flags->what, "csv, json, parquet: one row a trial, or one row an observation")
      ->check(CLI::IsMember({"trials", "observations"}))
      ->type_name("trials|observations");
  command
      ->add_option("--experiment", flags->experiment,
                   "mlflow: the experiment; wandb: the project (default: the sweep's id)")
      ->type_name("NAME");
  command->add_flag("-w,--watch", flags->watch, "tensorboard: write what comes until the sweep has ended");
  command->callback([=, &context] { context.action = [=, &context] { return Export(context, *flags); }; });
}

}  // namespace lorasweep::cli
