#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "manual/completion.h"
#include "manual/man_page.h"
#include "spdlog/spdlog.h"
#include "trainer_core/trainer/checkpoint.h"
#include "trainer_core/trainer/process.h"
#include "worker/builtin_trainer.h"
#include "worker/chat_command.h"
#include "worker/flags.h"
#include "worker/infer_command.h"
#include "worker/run_worker.h"
#include "worker/serve_command.h"
#include "worker/train_command.h"

namespace {

CLI::App* AddTrainCommand(CLI::App& app, lorasweep::worker::TrainFlags* flags) {
  CLI::App* train =
      app.add_subcommand("train", "One training without a sweep; `lorasweep train` is its face for people");
  train->fallthrough();
  train->add_option("--spec", flags->spec, "The training as a SweepSpec in JSON form")
      ->required()
      ->check(CLI::ExistingFile);
  train->add_option("--out", flags->out, "Where the adapter and the checkpoints go")->required();
  train->add_option("--resume", flags->resume, "The checkpoint to go on from (default: the newest in --out, if any)");
  return train;
}

CLI::App* AddChatCommand(CLI::App& app, lorasweep::worker::ChatFlags* flags) {
  CLI::App* chat = app.add_subcommand("chat", "Talks with a model; `lorasweep chat` is its face for people");
  chat->fallthrough();
  lorasweep::trainer::GenerationOptions& generation = flags->generation;
  chat->add_option("--model", flags->model, "Folder of the base model")->required()->check(CLI::ExistingDirectory);
  chat->add_option("--adapter", flags->adapter, "PEFT folder")->check(CLI::ExistingDirectory);
  chat->add_option("--system", flags->system, "System prompt");
  chat->add_option("--temperature", generation.sampling.temperature, "0: always the most probable");
  chat->add_option("--top-k", generation.sampling.top_k, "0: all");
  chat->add_option("--top-p", generation.sampling.top_p, "1: all");
  chat->add_option("--min-p", generation.sampling.min_p, "0: all");
  chat->add_option("--repetition-penalty", generation.sampling.repetition_penalty, "1: none");
  chat->add_option("--max-tokens", generation.max_new_tokens, "Longest answer");
  chat->add_option("--seed", generation.seed, "Of the randomness");
  chat->add_option("--precision", flags->precision, "auto, bf16 or fp32")
      ->check(CLI::IsMember({"auto", "bf16", "fp32"}));
  chat->add_flag("--raw", flags->raw, "Without a chat template");
  return chat;
}

CLI::App* AddInferCommand(CLI::App& app, lorasweep::worker::InferFlags* flags) {
  CLI::App* infer = app.add_subcommand("infer", "Does a file of tasks with a model; `lorasweep evaluate` asks it");
  infer->fallthrough();
  infer->add_option("--model", flags->model, "Folder of the base model")->required()->check(CLI::ExistingDirectory);
  infer->add_option("--adapter", flags->adapter, "PEFT folder")->check(CLI::ExistingDirectory);
  infer->add_flag("--base", flags->base, "With --adapter: first all tasks without it");
  infer->add_option("--tasks", flags->tasks, "The tasks, one a line")->required()->check(CLI::ExistingFile);
  infer->add_option("--precision", flags->precision, "auto, bf16 or fp32")
      ->check(CLI::IsMember({"auto", "bf16", "fp32"}));
  return infer;
}

CLI::App* AddServeCommand(CLI::App& app, lorasweep::worker::ServeFlags* flags) {
  CLI::App* serve = app.add_subcommand(
      "serve", "Answers tasks of standard input with a model and its adapters; `lorasweep playground` asks it");
  serve->fallthrough();
  serve->add_option("--model", flags->model, "Folder of the base model")->required()->check(CLI::ExistingDirectory);
  serve->add_option("--adapter", flags->adapters, "PEFT folder; may be given several times")
      ->check(CLI::ExistingDirectory)
      ->allow_extra_args(false);
  serve->add_option("--precision", flags->precision, "auto, bf16 or fp32")
      ->check(CLI::IsMember({"auto", "bf16", "fp32"}));
  return serve;
}

int PrintCompletionScript(const std::string& shell) {
  namespace worker = lorasweep::worker;
  const auto script = lorasweep::manual::CompletionScript(shell, "lorasweep-worker");
  if (script.ok()) {
    std::cout << *script;
    return worker::kDone;
  }
  std::cerr << std::string{script.status().message()} << "\n";
  return worker::kWrongUsage;
}

CLI::App* AddManCommand(CLI::App& app) {
  return app.add_subcommand("man", "Prints the manual page: lorasweep-worker man | man -l -");
}

int PrintManPage(const CLI::App& app) {
  namespace worker = lorasweep::worker;
  std::cout << lorasweep::manual::ManPage(
      app, {.version = LORASWEEP_VERSION,
            .paragraphs = {"Without a command it works: it asks a lorasweep-server for trials, trains them, as many at "
                           "once as pay, and reports. Stopped by SIGTERM, it saves where it is and hands its trials "
                           "back."},
            .exit_codes = {{std::to_string(worker::kDone), "done"},
                           {std::to_string(worker::kFailed), "the work failed"},
                           {std::to_string(worker::kWrongUsage), "wrong usage"},
                           {std::to_string(worker::kNotReached), "the server was not reached"}},
            .see_also = {"lorasweep", "lorasweep-server"}});
  return worker::kDone;
}

}  // namespace

int main(int argc, char** argv) {
  namespace worker = lorasweep::worker;
  lorasweep::trainer::PrepareProcess();
  CLI::App app("Trains the trials of lorasweep's sweeps.", "lorasweep-worker");
  app.set_version_flag("--version", "lorasweep-worker " LORASWEEP_VERSION);
  worker::WorkerFlags flags;
  worker::AddFlags(app, &flags);
  worker::TrainFlags train;
  const CLI::App* train_command = AddTrainCommand(app, &train);
  worker::ChatFlags chat;
  const CLI::App* chat_command = AddChatCommand(app, &chat);
  worker::InferFlags infer;
  const CLI::App* infer_command = AddInferCommand(app, &infer);
  worker::ServeFlags serve;
  const CLI::App* serve_command = AddServeCommand(app, &serve);
  std::string shell;
  const CLI::App* completion_command = lorasweep::manual::AddCompletionCommand(app, &shell);
  const CLI::App* man_command = AddManCommand(app);
  if (lorasweep::manual::AnswerCompletion(app, argc, argv, std::cout)) return worker::kDone;
  if (const std::optional<int> code = worker::Parse(app, argc, argv)) return *code;
  if (man_command->parsed()) return PrintManPage(app);
  if (completion_command->parsed()) return PrintCompletionScript(shell);

  lorasweep::trainer::UsePlainPath(flags.plain);
  worker::BuiltinTrainerOptions options;
  options.device = flags.device;
  options.threads = flags.threads;
  const auto environment = [](const char* name) { return static_cast<const char*>(std::getenv(name)); };
  options.roots = lorasweep::text::ModelRoots::FromEnvironment(environment);
  options.data_cache = lorasweep::chat::DataCache::FromEnvironment(environment);
  if (!flags.models.empty()) options.roots.models = flags.models;
  const absl::StatusOr<worker::PathFence> fence = worker::PathFence::Around(flags.roots);
  if (!fence.ok()) {
    std::cerr << fence.status().message() << "\n";
    return worker::kWrongUsage;
  }
  options.fence = *fence;
  options.log = [](std::string_view line) { spdlog::debug("{}", std::string{line}); };
  lorasweep::trainer::TrainerOptions trainer;
  trainer.device = flags.device;
  trainer.threads = flags.threads;
  if (chat_command->parsed()) return worker::RunChat(chat, trainer);
  if (infer_command->parsed()) {
    infer.with_parent = flags.with_parent;
    return worker::RunInfer(infer, trainer);
  }
  if (serve_command->parsed()) {
    serve.with_parent = flags.with_parent;
    return worker::RunServe(serve, trainer);
  }
  worker::BuiltinTrainerFactory factory(options);
  if (train_command->parsed()) {
    train.with_parent = flags.with_parent;
    train.verbose = flags.verbose;
    return worker::RunTrain(train, factory, lorasweep::trainer::ExportCheckpointAdapter);
  }
  return worker::RunWorker(flags, factory);
}
