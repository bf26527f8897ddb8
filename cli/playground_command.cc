#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/adapter_source.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/llama_engine.h"
#include "cli/llama_program.h"
#include "cli/llama_stream.h"
#include "cli/local_server.h"
#include "cli/local_workers.h"
#include "cli/model_choice.h"
#include "cli/names.h"
#include "cli/playground.h"
#include "cli/playground_http.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/temporary_folder.h"
#include "cli/worker_engine.h"
#include "server/web_folder.h"
#include "trainer_core/gguf/export.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kUsualPort = 50153;
constexpr std::chrono::milliseconds kTick{50};
constexpr std::size_t kMostAtOnce = 4;  // texts that llama-server makes side by side

struct PlaygroundFlags {
  std::string named;
  std::vector<std::int64_t> trials;
  std::string state;
  int top = 1;
  int port = kUsualPort;
  std::string engine = "worker";
  WorkerEngine::Options worker;
  std::string type;  // of a GGUF file; empty: q8_0
  std::string llama_server;
};

// What is talked with: models in the page's order, and their adapters.
struct Cast {
  Playground::About about;
  fs::path model;                       // the base's folder
  std::string chat_template;            // of the sweep; empty: the model's own
  std::vector<AdapterSource> adapters;  // of all models but the first
};

absl::Status AddAdapter(Context& context, const std::string& named, PlaygroundModel model, Cast* cast) {
  auto adapter = AdapterSource::Open(context, named, "");
  if (!adapter.ok()) return adapter.status();
  if (cast->adapters.empty()) {
    cast->model = adapter->base();
    cast->chat_template = adapter->data().chat_template();
    cast->about.system = adapter->data().system_prompt();
  } else if (adapter->base() != cast->model) {
    return absl::InvalidArgumentError(absl::StrCat(model.name, " is of ", adapter->base().string(), " and ",
                                                   cast->about.models[1].name, " of ", cast->model.string(),
                                                   "; only trials of one base model stand side by side"));
  }
  model.trial = adapter->trial();
  cast->about.models.push_back(std::move(model));
  cast->adapters.push_back(*std::move(adapter));
  return absl::OkStatus();
}

PlaygroundModel ModelOf(const v1::Trial& trial) {
  PlaygroundModel model{.name = absl::StrCat("trial ", trial.number())};
  for (const auto& [name, value] : trial.parameters()) model.parameters[name] = FormatValue(value);
  return model;
}

// Trials of a sweep: those that were named, else its best.
absl::StatusOr<Cast> CastOfSweep(Context& context, const PlaygroundFlags& flags, const Target& target) {
  Client client(context.server, context.access);
  const auto sweep = client.FindSweep(target.sweep);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  Cast cast;
  cast.about.sweep = IdOf(sweep->name());
  cast.about.metric = sweep->spec().metric().name();
  cast.about.models.push_back({.name = "base"});
  std::vector<std::int64_t> numbers = flags.trials;
  if (target.trial) numbers.insert(numbers.begin(), *target.trial);
  const auto board = client.GetLeaderboard(sweep->name(), 0);
  if (!board.ok()) return context.Explain(board.status(), client);
  if (numbers.empty()) {
    for (const v1::LeaderboardRow& row : board->rows()) {
      if (static_cast<int>(numbers.size()) < flags.top) numbers.push_back(row.trial().number());
    }
    if (numbers.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(cast.about.sweep, " has no trial with a result yet"));
    }
  }
  for (const std::int64_t number : numbers) {
    const auto trial = client.GetTrial(sweep->name(), number);
    if (!trial.ok()) return context.Explain(trial.status(), client);
    PlaygroundModel model = ModelOf(*trial);
    for (const v1::LeaderboardRow& row : board->rows()) {
      if (row.trial().name() == trial->name()) model.value = row.value();
    }
    if (absl::Status added =
            AddAdapter(context, absl::StrCat(cast.about.sweep, "/", trial->number()), std::move(model), &cast);
        !added.ok()) {
      return added;
    }
  }
  return cast;
}

// A folder with an adapter, or a model alone.
absl::StatusOr<Cast> CastOfFolder(Context& context, const PlaygroundFlags& flags) {
  auto chosen = ChooseModel(context, flags.named, "");
  if (!chosen.ok()) return chosen.status();
  Cast cast;
  cast.about.models.push_back({.name = "base"});
  cast.model = chosen->model;
  if (!chosen->adapter) return cast;
  if (absl::Status added = AddAdapter(context, flags.named, {.name = "tuned"}, &cast); !added.ok()) return added;
  return cast;
}

absl::StatusOr<Cast> ChooseCast(Context& context, const PlaygroundFlags& flags) {
  std::error_code error;
  const auto target = ParseTarget(flags.named);
  const bool folder = fs::exists(flags.named, error) || !target.ok();
  absl::StatusOr<Cast> cast = folder ? CastOfFolder(context, flags) : CastOfSweep(context, flags, *target);
  if (cast.ok()) cast->about.base = cast->model.filename().string();
  return cast;
}

// Votes join the trial as they come; the earlier ones are read first, since others may vote, too.
RecordVote Recorder(const std::shared_ptr<Client>& client) {
  return [client, mutex = std::make_shared<std::mutex>()](const std::string& name, const std::string& metric,
                                                          Vote vote) -> absl::StatusOr<v1::Measurement> {
    std::lock_guard lock(*mutex);
    const auto target = ParseTarget(name);
    if (!target.ok()) return target.status();
    const auto trial = client->GetTrial(absl::StrCat("sweeps/", target->sweep), target->trial.value_or(0));
    if (!trial.ok()) return trial.status();
    const v1::Measurement* before = nullptr;
    for (const v1::Measurement& measurement : trial->measurements()) {
      if (measurement.metric() == metric) before = &measurement;
    }
    const v1::Measurement after = AddVote(before, metric, vote);
    const auto recorded = client->RecordMeasurements(name, {after});
    if (!recorded.ok()) return recorded.status();
    return after;
  };
}

absl::StatusOr<std::unique_ptr<AnswerEngine>> StartWorker(Context& context, const PlaygroundFlags& flags,
                                                          const Cast& cast, const text::Tokenizer& tokenizer) {
  const auto program = FindProgramBeside(context.program, "lorasweep-worker");
  if (!program.ok()) return program.status();
  WorkerEngine::Options options = flags.worker;
  options.worker = *program;
  options.model = cast.model;
  for (const AdapterSource& adapter : cast.adapters) options.adapters.push_back(adapter.folder());
  return WorkerEngine::Start(options, tokenizer);
}

// With the base and the adapters as GGUF files in `scratch`.
absl::StatusOr<std::unique_ptr<AnswerEngine>> StartLlama(Context& context, const PlaygroundFlags& flags,
                                                         const Cast& cast, const text::Tokenizer& tokenizer,
                                                         const fs::path& scratch) {
  const std::string type = flags.type.empty() ? "q8_0" : absl::AsciiStrToLower(flags.type);
  if (absl::Status known = CheckGgufType(type); !known.ok()) return known;
  const auto program = FindLlamaProgram("llama-server", flags.llama_server);
  if (!program.ok()) return program.status();
  LlamaEngine::Options options{.program = *program,
                               .model = scratch / "base.gguf",
                               .adapters = {},
                               .log = scratch / "llama-server.log",
                               .device = absl::StrCat("cpu ", type, ", llama.cpp"),
                               .drops_first_space = DropsFirstSpace(tokenizer),
                               .threads = flags.worker.threads,
                               .at_once = static_cast<int>(std::min(cast.adapters.size() + 1, kMostAtOnce))};
  {
    Progress progress(context, absl::StrCat("writing ", type));
    const absl::Status written =
        gguf::ExportGguf(cast.model, type, options.model, [&](auto at, auto all) { progress.Set(at, all); });
    if (!written.ok()) return written;
  }
  for (const AdapterSource& adapter : cast.adapters) {
    options.adapters.push_back(scratch / absl::StrCat("adapter-", options.adapters.size() + 1, ".gguf"));
    const char* exact = type == "f32" ? "f32" : "f16";
    const absl::Status written = gguf::ExportLoraGguf(cast.model, adapter.folder(), exact, options.adapters.back());
    if (!written.ok()) return written;
  }
  return LlamaEngine::Start(options);
}

// Flags of one engine are not to be ignored by the other.
absl::Status CheckEngine(const PlaygroundFlags& flags) {
  const bool worker = flags.engine == "worker";
  const auto wrong = [](const char* flag, const char* engine) {
    return absl::InvalidArgumentError(absl::StrCat(flag, " goes with --engine ", engine, " only"));
  };
  if (worker && !flags.type.empty()) return wrong("--type", "llama.cpp");
  if (worker && !flags.llama_server.empty()) return wrong("--llama-server", "llama.cpp");
  if (!worker && flags.worker.precision != "auto") return wrong("--precision", "worker");
  if (!worker && flags.worker.device != "auto" && flags.worker.device != "cpu") return wrong("--device", "worker");
  return absl::OkStatus();
}

absl::Status Serve(Context& context, const PlaygroundFlags& flags, Cast cast, const fs::path& page, Signals& signals) {
  auto supervisor = chat::Supervisor::Load(cast.model, {.chat_template = cast.chat_template});
  if (!supervisor.ok()) return supervisor.status();
  const auto scratch = TemporaryFolder::Make();
  if (!scratch.ok()) return scratch.status();
  const auto engine = flags.engine == "worker"
                          ? StartWorker(context, flags, cast, supervisor->tokenizer())
                          : StartLlama(context, flags, cast, supervisor->tokenizer(), scratch->path());
  if (!engine.ok()) return engine.status();
  Playground playground(std::move(cast.about), *std::move(supervisor), **engine,
                        Recorder(std::make_shared<Client>(context.server, context.access)));
  while ((*engine)->device().empty()) {
    if (absl::Status pumped = (*engine)->Pump(kTick); !pumped.ok()) return pumped;
    if (signals.Wait(std::chrono::milliseconds(0)) != 0) return absl::CancelledError("stopped");
  }
  const auto http = PlaygroundHttp::Start(playground, flags.port, page);
  if (!http.ok()) return http.status();
  context.err << "playground: " << (*http)->url() << "  (" << (*engine)->device() << "; Ctrl-C ends)\n" << std::flush;
  while (signals.Wait(std::chrono::milliseconds(0)) == 0) {
    if (absl::Status pumped = (*engine)->Pump(kTick); !pumped.ok()) return pumped;
  }
  return absl::OkStatus();
}

absl::Status Play(Context& context, const PlaygroundFlags& flags) {
  if (absl::Status fitting = CheckEngine(flags); !fitting.ok()) return fitting;
  const fs::path page = server::FindWebFolder("playground");
  if (page.empty()) {
    return absl::FailedPreconditionError(
        "the page was not built with this program: install Node.js 18 or newer with npm and build again");
  }
  Signals signals;
  std::unique_ptr<LocalServer> local;
  if (!flags.state.empty()) {
    auto started = LocalServer::Start(flags.state, "");
    if (!started.ok()) return started.status();
    local = *std::move(started);
    context.server = local->address();
  }
  auto cast = ChooseCast(context, flags);
  if (!cast.ok()) return cast.status();
  return Serve(context, flags, *std::move(cast), page, signals);
}

}  // namespace

void AddPlaygroundCommand(CLI::App& app, Context& context) {
  CLI::App* playground = app.add_subcommand(
      "playground", "Talk to a sweep's models and their base side by side in the browser, and vote which is better");
  auto flags = std::make_shared<PlaygroundFlags>();
  playground->add_option("sweep", flags->named, "A sweep, a trial, a folder with an adapter, or a model")
      ->required()
      ->type_name("SWEEP[/TRIAL]|MODEL");
  CLI::Option* trials =
      playground->add_option("--trial", flags->trials, "A trial of the sweep by its number; may be given several times")
          ->check(CLI::NonNegativeNumber)
          ->allow_extra_args(false)
          ->type_name("N");
  playground->add_option("--top", flags->top, "The best K trials of the sweep")
      ->check(CLI::Range(1, 16))
      ->excludes(trials)
      ->type_name("K");
  playground->add_option("--port", flags->port, "Of the page, on 127.0.0.1 (0: any free one)")
      ->check(CLI::Range(0, 65535))
      ->type_name("PORT");
  playground
      ->add_option("--state", flags->state,
                   "The state folder of a `lorasweep run` or a server that has ended, in place of a server")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  playground->add_option("--engine", flags->engine, "Who answers: lorasweep's worker, or llama.cpp on the CPU")
      ->check(CLI::IsMember({"worker", "llama.cpp"}))
      ->type_name("worker|llama.cpp");
  playground->add_option("--precision", flags->worker.precision, "Compute type of the worker")
      ->check(CLI::IsMember({"auto", "bf16", "fp32"}))
      ->type_name("TYPE");
  playground->add_option("--device", flags->worker.device, "What the worker runs on")->type_name("auto|cpu|cuda:N");
  playground->add_option("--threads", flags->worker.threads, "CPU threads (0: all cores)")
      ->check(CLI::Range(0, 4096))
      ->type_name("N");
  playground->add_option("--type", flags->type, "With llama.cpp: how the base's weights are stored (default q8_0)")
      ->type_name("TYPE");
  playground->add_option("--llama-server", flags->llama_server, "llama.cpp's server (default: the one on the PATH)")
      ->type_name("FILE");
  playground->callback([=, &context] { context.action = [=, &context] { return Play(context, *flags); }; });
}

}  // namespace lorasweep::cli
