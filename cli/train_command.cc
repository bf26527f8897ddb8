#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/inputs_check.h"
#include "cli/local_workers.h"
#include "cli/message_json.h"
#include "cli/painter.h"
#include "cli/signals.h"
#include "cli/spawn.h"
#include "cli/sweep_input.h"
#include "cli/tables.h"
#include "cli/train_view.h"
#include "cli/worker_process.h"
#include "lorasweep/v1/train_event.pb.h"
#include "proto/search_space.h"
#include "proto/settings.h"
#include "trainer_core/text/file.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kTick{50};
constexpr std::size_t kLargestRecord = 16 << 20;
constexpr std::size_t kTailLines = 10;
constexpr int kStandardError = 2;

struct TrainFlags {
  std::string file;
  std::vector<std::string> overrides;
  fs::path out;
  fs::path resume;
  std::string device = "auto";
  int threads = 0;
  bool fresh = false;
};

// The file's one training: every parameter of it must be a constant or follow from constants.
absl::StatusOr<v1::SweepSpec> ReadTraining(Context& context, const TrainFlags& flags) {
  auto spec = ReadSweep(context, flags.file, flags.overrides);
  if (!spec.ok()) return spec.status();
  if (spec->trainer() == "external") {
    return absl::InvalidArgumentError("trainer: external has its own program; train runs lorasweep's");
  }
  const auto space = proto::MakeSpace(*spec);
  if (!space.ok()) return space.status();
  if (!space->free_parameters().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "train runs one training, but the file searches ",
        absl::StrJoin(space->free_parameters(), ", ",
                      [](std::string* out, const search::Parameter& parameter) { out->append(parameter.name); }),
        "; fix each with --set ", space->free_parameters().front().name, "=…, or use lorasweep run"));
  }
  const auto point = space->Complete({});
  if (!point.ok()) return point.status();
  auto applied = proto::ApplyParameters(*spec, *point);
  if (!applied.ok()) return applied.status();
  applied->clear_parameters();
  return applied;
}

absl::Status WriteRecord(const fs::path& file, const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) {
    return absl::InternalError(absl::StrCat("cannot write ", file.string()));
  }
  return text::WriteFile(file, text);
}

// A record of an earlier training in the folder; false when there is none that can be read.
bool ReadRecord(const fs::path& file, google::protobuf::Message* message) {
  const auto text = text::ReadFile(file, kLargestRecord);
  return text.ok() && google::protobuf::util::JsonStringToMessage(*text, message).ok();
}

// What earlier trainings left in the folder, and nothing else.
void RemoveTraining(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> ours = {folder / "adapter", folder / "result.json", folder / "spec.json"};
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().starts_with("checkpoint-")) ours.push_back(entry->path());
  }
  for (const fs::path& path : ours) fs::remove_all(path, error);
}

void Tell(Context& context, const v1::TrainEvent::End& end) {
  std::vector<std::pair<std::string, std::string>> facts;
  facts.emplace_back("outcome", end.reason().empty() ? end.outcome() : absl::StrCat(end.outcome(), ": ", end.reason()));
  facts.emplace_back("steps", absl::StrCat(FormatCount(end.step()), " in ", FormatDuration(end.seconds())));
  if (end.has_validation_loss()) {
    std::string losses = FormatMetric(end.validation_loss());
    if (end.has_base_loss()) absl::StrAppend(&losses, ", base model ", FormatMetric(end.base_loss()));
    if (end.has_best_loss()) {
      absl::StrAppend(&losses, ", best ", FormatMetric(end.best_loss()), " at step ", end.best_step());
    }
    facts.emplace_back("validation loss", losses);
  }
  if (end.has_test_loss()) facts.emplace_back("test loss", FormatMetric(end.test_loss()));
  if (!end.adapter().empty()) facts.emplace_back("adapter", end.adapter());
  for (const std::string& checkpoint : end.checkpoints()) facts.emplace_back("checkpoint", checkpoint);
  if (context.output != OutputFormat::kTable) {
    context.Print(FactTable(facts), ToJson(end));
    return;
  }
  Terminal unlimited = context.out_terminal;  // paths are copied from here: never cut at the edge
  unlimited.width = 0;
  for (const std::string& line : RenderTable(FactTable(facts), unlimited)) context.out << line << '\n';
}

// Shows the worker's events until its output ends; what it ended with.
class TrainLoop {
 public:
  TrainLoop(Context& context, WorkerProcess& worker)
      : context_(context), worker_(worker), painter_(context.err), live_(context.err_terminal.interactive) {}

  void Run(Signals& signals) {
    while (!worker_.ended()) {
      if (const int signal = signals.Wait(kTick); signal != 0) Stop();
      for (const std::string& line : worker_.Lines()) Take(line);
      if (!live_) continue;
      const Terminal terminal = MeasureTerminal(kStandardError);
      std::vector<std::string> picture = view_.Render(terminal.width, terminal.colour);
      if (stops_ > 0) picture.push_back(Shorten(kStopping, terminal.width));
      painter_.Paint(picture);
    }
    painter_.Erase();
    context_.err << std::flush;
  }

  const v1::TrainEvent& last() const { return last_; }

 private:
  static constexpr char kStopping[] = "stopping: a checkpoint is saved after this step; Ctrl-C again ends at once";

  void Stop() {
    worker_.Signal(stops_ == 0 ? SIGTERM : SIGKILL);
    if (++stops_ == 1 && !live_) context_.err << kStopping << '\n' << std::flush;
  }

  void Take(const std::string& line) {
    v1::TrainEvent event;
    if (!google::protobuf::util::JsonStringToMessage(line, &event).ok()) return;
    const auto told = view_.Apply(event);
    if (told && !live_) context_.err << Printable(*told) << '\n' << std::flush;
    last_ = std::move(event);
  }

  Context& context_;
  WorkerProcess& worker_;
  Painter painter_;
  const bool live_;
  TrainView view_;
  v1::TrainEvent last_;
  int stops_ = 0;
};

absl::Status Conclude(Context& context, const v1::TrainEvent& last, int status, const fs::path& log) {
  if (last.has_error()) {
    return absl::Status(static_cast<absl::StatusCode>(last.error().code()), last.error().message());
  }
  if (!last.has_end()) {
    std::string what =
        absl::StrCat("lorasweep-worker ", HowItEnded(status), "; the same command goes on from the last ",
                     "checkpoint; its log is ", log.string());
    for (const std::string& line : Tail(log, kTailLines)) absl::StrAppend(&what, "\n  ", line);
    return absl::InternalError(what);
  }
  const v1::TrainEvent::End& end = last.end();
  if (end.outcome() == "interrupted") {
    context.err << "stopped after step " << end.step() << "; the same command goes on from there\n";
    return absl::OkStatus();
  }
  Tell(context, end);
  if (end.outcome() == "completed") return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the training ", end.outcome(), ": ", end.reason()));
}

absl::Status Train(Context& context, const TrainFlags& flags) {
  auto spec = ReadTraining(context, flags);
  if (!spec.ok()) return spec.status();
  if (absl::Status inputs = CheckInputs(*spec, RootsFromEnvironment()); !inputs.ok()) return inputs;
  const auto program = FindProgramBeside(context.program, "lorasweep-worker");
  if (!program.ok()) return program.status();

  const fs::path out = flags.out.empty() ? fs::path(".lorasweep") / "train" / spec->name() : flags.out;
  std::error_code error;
  fs::create_directories(out, error);
  if (error) return absl::InternalError(absl::StrCat("cannot make ", out.string(), ": ", error.message()));
  if (flags.fresh) RemoveTraining(out);
  v1::TrainEvent::End done;
  v1::SweepSpec before;
  if (ReadRecord(out / "result.json", &done) && ReadRecord(out / "spec.json", &before)) {
    std::string difference;
    google::protobuf::util::MessageDifferencer differencer;
    differencer.ReportDifferencesToString(&difference);
    if (!differencer.Compare(before, *spec)) {
      return absl::FailedPreconditionError(
          absl::StrCat(out.string(), " holds a finished training with other settings (",
                       difference.substr(0, difference.find('\n')), "); choose another --out, or --new to replace it"));
    }
    context.err << "this training is done already; --new trains it once more\n";
    Tell(context, done);
    return absl::OkStatus();
  }
  if (absl::Status written = WriteRecord(out / "spec.json", *spec); !written.ok()) return written;

  Signals signals;
  std::vector<std::string> words = {
      program->string(), "train",      "--spec",    (out / "spec.json").string(),  "--out",        out.string(),
      "--device",        flags.device, "--threads", std::to_string(flags.threads), "--with-parent"};
  if (!flags.resume.empty()) words.insert(words.end(), {"--resume", flags.resume.string()});
  auto worker = WorkerProcess::Start(std::move(words), out / "train.log");
  if (!worker.ok()) return worker.status();
  if (!context.err_terminal.interactive) context.err << "loading the model and the data\n" << std::flush;
  TrainLoop loop(context, *worker);
  loop.Run(signals);
  return Conclude(context, loop.last(), worker->Wait(), out / "train.log");
}

}  // namespace

void AddTrainCommand(CLI::App& app, Context& context) {
  CLI::App* train = app.add_subcommand("train", "Train once, without a sweep: Ctrl-C saves, the same command goes on");
  auto flags = std::make_shared<TrainFlags>();
  train->add_option("file", flags->file, "A sweep file without `parameters`: model, data, training")
      ->required()
      ->type_name("TRIAL.yaml");
  train->add_option("--out", flags->out, "Where adapter and checkpoints go (default .lorasweep/train/NAME)")
      ->type_name("DIR");
  train->add_option("--set", flags->overrides, "Set a key of the file: training.max_steps=50")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  train->add_option("--resume", flags->resume, "Checkpoint to go on from (default: the newest in --out)")
      ->type_name("CHECKPOINT");
  train->add_option("--device", flags->device, "What to train on")->type_name("auto|cpu|cuda:N");
  train->add_option("--threads", flags->threads, "CPU threads (0: all cores)")
      ->check(CLI::Range(0, 4096))
      ->type_name("N");
  train->add_flag("--new", flags->fresh, "Begin at the beginning even if this was trained before");
  train->callback([=, &context] { context.action = [=, &context] { return Train(context, *flags); }; });
}

}  // namespace lorasweep::cli
