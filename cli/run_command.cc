#include <google/protobuf/util/message_differencer.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/adapter_download.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/display_text.h"
#include "cli/event_writer.h"
#include "cli/format.h"
#include "cli/inputs_check.h"
#include "cli/local_server.h"
#include "cli/local_workers.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/run_report.h"
#include "cli/signals.h"
#include "cli/sweep_end.h"
#include "cli/sweep_feed.h"
#include "cli/sweep_input.h"
#include "cli/tables.h"
#include "cli/watch_view.h"

namespace lorasweep::cli {
namespace {

constexpr std::chrono::seconds kWorkersMayEnd{15};

struct RunFlags {
  std::string file;
  std::vector<std::string> overrides;
  std::filesystem::path state = ".lorasweep";
  std::filesystem::path out;
  int workers = 1;
  int slots = 8;
  std::string device = "auto";
  std::string http = "127.0.0.1:50152";
  std::string notify;
  std::string tensorboard;
  bool fresh = false;
};

// The newest sweep of the same name made from the same spec: what "the same command again" goes on with.
absl::StatusOr<v1::Sweep> FindOrCreate(Context& context, Client& client, const v1::SweepSpec& spec, bool fresh) {
  auto sweeps = client.ListSweeps();
  if (!sweeps.ok()) return sweeps.status();
  for (const v1::Sweep& sweep : *sweeps) {
    if (fresh || !google::protobuf::util::MessageDifferencer::Equals(sweep.spec(), spec)) continue;
    if (sweep.state() == v1::Sweep::COMPLETED) return sweep;
    if (HasEnded(sweep.state())) break;
    const v1::TrialCounts& counts = sweep.trial_counts();
    context.err << "resuming " << IdOf(sweep.name()) << ": "
                << Plural(counts.completed() + counts.pruned() + counts.infeasible() + counts.failed(), "trial")
                << " ended before\n";
    return sweep.state() == v1::Sweep::PAUSED ? client.ResumeSweep(sweep.name()) : sweep;
  }
  return client.CreateSweep(spec);
}

// What came of watching the sweep with its workers.
enum class RunEnd { kEnded, kPaused, kAborted, kWorkersLost };

// Shows the sweep and keeps its workers alive until it has ended, or Ctrl-C paused it.
class RunLoop {
 public:
  RunLoop(Client& client, std::string sweep, LocalWorkers& workers)
      : client_(client), sweep_(std::move(sweep)), workers_(workers) {}

  absl::StatusOr<RunEnd> Run(Context& context, Signals& signals, LiveState& state) {
    const absl::Status status = WatchSweep(
        context, client_, sweep_, signals,
        [this](int signal, std::vector<LiveEvent>& events) { return Tick(signal, events); }, state);
    if (!status.ok() && !absl::IsCancelled(status)) return status;
    return end_;
  }

  const std::vector<std::string>& last_words() const { return last_words_; }

 private:
  WatchStep Tick(int signal, std::vector<LiveEvent>& events) {
    for (const LocalWorkers::Death& death : workers_.Tick()) {
      events.push_back({death.what, Style::kBad});
      for (const std::string& line : death.tail) events.push_back({absl::StrCat("  ", line), Style::kFaint});
      last_words_ = death.tail;
    }
    if (signal != 0 && pausing_) {
      workers_.Kill();
      end_ = RunEnd::kAborted;
      return WatchStep::kLeave;
    }
    if (signal != 0) {
      pausing_ = true;
      events.push_back({"pausing: the workers save their trials; Ctrl-C again ends at once", Style::kWarning});
      const auto paused = client_.PauseSweep(sweep_);
      if (!paused.ok()) events.push_back({std::string{paused.status().message()}, Style::kBad});
      workers_.RequestStop();
    }
    if (!workers_.AllGone()) return WatchStep::kGoOn;
    end_ = pausing_ ? RunEnd::kPaused : RunEnd::kWorkersLost;
    return WatchStep::kLeave;
  }

  Client& client_;
  const std::string sweep_;
  LocalWorkers& workers_;
  bool pausing_ = false;
  RunEnd end_ = RunEnd::kEnded;
  std::vector<std::string> last_words_;
};

// Puts the best trial's adapter where people find it; its path, or "" when no trial has one.
absl::StatusOr<std::string> ExportBest(Client& client, const v1::GetLeaderboardResponse& leaderboard,
                                       const RunFlags& flags) {
  if (leaderboard.rows().empty()) return "";
  const v1::Sweep& sweep = leaderboard.sweep();
  auto trial = client.GetTrial(sweep.name(), leaderboard.rows(0).trial().number());
  if (!trial.ok()) return trial.status();
  const auto adapter = AdapterOf(*trial);
  if (!adapter.ok()) return "";
  const std::filesystem::path place =
      flags.state / "adapters" / IdOf(sweep.name()) / absl::StrCat("trial-", trial->number());
  if (!HoldsArtifact(*adapter, place)) {
    const absl::Status status = DownloadArtifact(client, *adapter, place);
    if (!status.ok()) return status;
  }
  if (flags.out.empty() || HoldsArtifact(*adapter, flags.out)) return (flags.out.empty() ? place : flags.out).string();
  const absl::Status status = DownloadArtifact(client, *adapter, flags.out);
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat(std::string{status.message()}, "; the best adapter is in ", place.string()));
  }
  return flags.out.string();
}

// Why nothing came of a sweep, as far as its trials tell.
absl::Status NoTrialSucceeded(Client& client, const v1::Sweep& sweep) {
  const auto trials = client.ListTrials(sweep.name(), "", "", 100);
  std::string why;
  if (trials.ok()) {
    for (const v1::Trial& trial : *trials) {
      if (!trial.outcome_reason().empty()) why = absl::StrCat("; trial ", trial.number(), ": ", trial.outcome_reason());
    }
  }
  return absl::FailedPreconditionError(absl::StrCat("no trial of ", IdOf(sweep.name()), " was evaluated", why));
}

absl::Status Conclude(Context& context, Client& client, const std::string& name, const RunFlags& flags) {
  auto leaderboard = client.GetLeaderboard(name, 0);
  if (!leaderboard.ok()) return leaderboard.status();
  const v1::Sweep& sweep = leaderboard->sweep();
  auto best = ExportBest(client, *leaderboard, flags);
  const bool nothing = leaderboard->rows().empty();
  if (context.output == OutputFormat::kTable && !nothing) {
    for (const std::string& line : RenderRunReport(*leaderboard, best.ok() ? *best : "", context.out_terminal)) {
      context.out << line << '\n';
    }
  } else if (context.output != OutputFormat::kTable) {
    nlohmann::ordered_json answer = ToJson(*leaderboard);
    answer["best_adapter"] = best.ok() ? nlohmann::ordered_json(*best) : nlohmann::ordered_json(nullptr);
    context.Print(LeaderboardTable(*leaderboard), answer);
  }
  if (!best.ok()) return best.status();
  if (absl::Status end = StatusOfEnd(sweep); !end.ok()) return end;
  return nothing ? NoTrialSucceeded(client, sweep) : absl::OkStatus();
}

absl::StatusOr<LocalWorkers> StartWorkers(const Context& context, const RunFlags& flags, const v1::SweepSpec& spec,
                                          const std::string& address) {
  auto program = FindProgramBeside(context.program, "lorasweep-worker");
  if (!program.ok()) return program.status();
  // One worker takes what it finds (OMP_NUM_THREADS, else all cores); several share the cores.
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int threads = flags.workers == 1 ? 0 : std::max(1, cores / flags.workers);
  LocalWorkersOptions options{.program = *program,
                              .server = address,
                              .log_folder = flags.state / "logs",
                              .count = flags.workers,
                              .arguments = {"--threads", std::to_string(threads), "--slots",
                                            std::to_string(flags.slots), "--device", flags.device}};
  // Who runs a sweep here has chosen its workers.
  for (const std::string& label : spec.limits().worker_labels()) {
    options.arguments.push_back(absl::StrCat("--label=", label));
  }
  return LocalWorkers::Start(options);
}

absl::Status Run(Context& context, const RunFlags& flags) {
  auto spec = ReadSweep(context, flags.file, flags.overrides);
  if (!spec.ok()) return spec.status();
  if (spec->trainer() == "external") {
    return absl::InvalidArgumentError(
        "trainer is external: `run` starts lorasweep's own workers; use lorasweep-server and `lorasweep submit`");
  }
  const absl::Status inputs = CheckInputs(*spec, RootsFromEnvironment());
  if (!inputs.ok()) return inputs;

  Signals signals;  // before any thread, so that all of them leave Ctrl-C to us
  auto server = LocalServer::Start(flags.state, flags.http == "none" ? "" : flags.http);
  if (!server.ok()) return server.status();
  Client client((*server)->address());
  auto sweep = FindOrCreate(context, client, *spec, flags.fresh);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  const std::string id = IdOf(sweep->name());
  std::optional<EventWriter> events;
  if (!flags.tensorboard.empty()) events.emplace(client.address(), client.access(), sweep->name(), flags.tensorboard);
  const auto conclude = [&] {
    if (events) {
      const absl::Status written = events->Finish();
      if (!written.ok()) context.err << "tensorboard: " << PrintableLines(std::string{written.message()}) << '\n';
    }
    const absl::Status concluded = Conclude(context, client, sweep->name(), flags);
    NotifyOfEnd(context, client, flags.notify, sweep->name());
    return concluded;
  };
  if (sweep->state() == v1::Sweep::COMPLETED) {
    context.err << id << " is done already; --new runs it once more\n";
    return conclude();
  }

  auto workers = StartWorkers(context, flags, *spec, client.address());
  if (!workers.ok()) return workers.status();
  context.err << "running " << id << " with " << Plural(flags.workers, "worker") << "; Ctrl-C pauses\n";
  if (!(*server)->url().empty()) context.err << "dashboard: " << (*server)->url() << "#/" << sweep->name() << '\n';
  context.err << std::flush;
  LiveState state(sweep->revision());
  RunLoop loop(client, sweep->name(), *workers);
  const auto end = loop.Run(context, signals, state);
  if (!end.ok()) return context.Explain(end.status(), client);
  switch (*end) {
    case RunEnd::kEnded:
      workers->RequestStop();
      if (!workers->WaitAllEnded(kWorkersMayEnd)) workers->Kill();
      return conclude();
    case RunEnd::kPaused:
      context.err << id << " is paused; run the same command again to go on\n";
      return absl::OkStatus();
    case RunEnd::kAborted:
      context.err << id << " was left at once; run the same command again to go on from the last checkpoints\n";
      return absl::OkStatus();
    case RunEnd::kWorkersLost:
      break;
  }
  std::string what = absl::StrCat("every worker has ended; logs are in ", (flags.state / "logs").string());
  for (const std::string& line : loop.last_words()) absl::StrAppend(&what, "\n  ", line);
  NotifyOfEnd(context, client, flags.notify, sweep->name());
  return absl::FailedPreconditionError(what);
}

}  // namespace

void AddRunCommand(CLI::App& app, Context& context) {
  CLI::App* run = app.add_subcommand("run", "Run a sweep here: server, workers and a live view in one command");
  auto flags = std::make_shared<RunFlags>();
  run->add_option("file", flags->file, "Sweep file")->required()->type_name("SWEEP.yaml");
  run->add_option("--workers", flags->workers, "Worker processes")->check(CLI::Range(1, 256))->type_name("N");
  run->add_option("--slots", flags->slots,
                  "Trials that each worker trains at once over one copy of the base model, at most")
      ->check(CLI::Range(1, 64))
      ->type_name("K");
  run->add_option("--device", flags->device, "What to train on")->type_name("auto|cpu|cuda:N");
  run->add_option("--state", flags->state, "Where sweeps, logs and adapters are kept")->type_name("DIR");
  run->add_option("--set", flags->overrides, "Set a key of the file: training.max_steps=50")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  run->add_option("--out", flags->out, "Write the best adapter here too")->type_name("DIR");
  run->add_option("--http-address", flags->http,
                  "Where the dashboard is, on this machine only; any free port when it is taken; none: no dashboard")
      ->type_name("HOST:PORT");
  run->add_option("--tensorboard", flags->tensorboard, "Write events for TensorBoard while it runs: a folder of runs")
      ->type_name("DIR");
  run->add_option("--notify", flags->notify,
                  "Shell command to run at the end; LORASWEEP_STATE and others tell it what came of the sweep")
      ->type_name("COMMAND");
  run->add_flag("--new", flags->fresh, "Begin a new sweep even if this one ran or was paused before");
  run->callback([=, &context] { context.action = [=, &context] { return Run(context, *flags); }; });
}

}  // namespace lorasweep::cli
