#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/local_workers.h"
#include "cli/model_choice.h"
#include "cli/spawn.h"

namespace lorasweep::cli {
namespace {

struct ChatFlags {
  std::string named;
  std::string adapter;
  bool base_only = false;
  std::vector<std::string> passed_on;  // to the worker
};

absl::Status Chat(Context& context, const ChatFlags& flags) {
  const auto partner = ChooseModel(context, flags.named, flags.adapter);
  if (!partner.ok()) return partner.status();
  const auto program = FindProgramBeside(context.program, "lorasweep-worker");
  if (!program.ok()) return program.status();
  std::vector<std::string> words = {program->string(), "chat", "--model", partner->model.string()};
  if (partner->adapter && !flags.base_only) {
    words.insert(words.end(), {"--adapter", partner->adapter->folder().string()});
  }
  words.insert(words.end(), flags.passed_on.begin(), flags.passed_on.end());
  const auto code = RunInForeground(std::move(words));
  if (!code.ok()) return code.status();
  // It told why itself.
  if (*code != 0) return absl::AbortedError("the conversation ended early");
  return absl::OkStatus();
}

}  // namespace

void AddChatCommand(CLI::App& app, Context& context) {
  CLI::App* chat = app.add_subcommand("chat", "Talk to a trial's model, or to any; also with questions from a pipe");
  auto flags = std::make_shared<ChatFlags>();
  chat->add_option("model", flags->named, "A trial, a folder with an adapter, or a model")
      ->required()
      ->type_name("SWEEP/TRIAL|MODEL");
  chat->add_option("--adapter", flags->adapter, "With MODEL: the adapter to use, a folder or a trial")
      ->type_name("DIR");
  chat->add_flag("--base", flags->base_only, "Without the adapter: what the base model says");
  const auto pass = [&](const char* name, const char* help, const char* type) {
    chat->add_option_function<std::string>(
            name,
            [flags, name](const std::string& value) {
              flags->passed_on.insert(flags->passed_on.end(), {name, value});
            },
            help)
        ->type_name(type);
  };
  pass("--system", "A system prompt to begin with", "TEXT");
  pass("--temperature", "Randomness of the answers (0: always the most probable)", "T");
  pass("--top-k", "Choose among so many most probable tokens (0: all)", "K");
  pass("--top-p", "Choose among the most probable tokens that reach this probability", "P");
  pass("--min-p", "Leave out what is less probable than this share of the best", "P");
  pass("--repetition-penalty", "Above 1: avoid tokens that were used", "R");
  pass("--max-tokens", "Longest answer", "N");
  pass("--seed", "Of the randomness", "N");
  pass("--precision", "Compute type", "auto|bf16|fp32");
  pass("--device", "What to run on", "auto|cpu|cuda:N");
  pass("--threads", "CPU threads (0: all cores)", "N");
  chat->add_flag_callback(
      "--raw", [flags] { flags->passed_on.emplace_back("--raw"); },
      "Go on from each line as it stands, without a chat template");
  chat->callback([=, &context] { context.action = [=, &context] { return Chat(context, *flags); }; });
}

}  // namespace lorasweep::cli
