#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/adapter_source.h"
#include "cli/commands.h"
#include "cli/inputs_check.h"
#include "cli/local_workers.h"
#include "cli/names.h"
#include "cli/spawn.h"
#include "trainer_core/gguf/model_folder.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

struct ChatFlags {
  std::string named;
  std::string adapter;
  bool base_only = false;
  std::vector<std::string> passed_on;  // to the worker
};

// The model and the adapter that a person means.
struct Partner {
  fs::path model;
  std::optional<AdapterSource> adapter;
};

absl::StatusOr<Partner> FindPartner(Context& context, const ChatFlags& flags) {
  std::error_code error;
  const auto target = ParseTarget(flags.named);
  const bool trial = target.ok() && target->trial.has_value();
  const bool there = fs::exists(flags.named, error);
  const bool is_adapter = there ? fs::exists(fs::path(flags.named) / "adapter_config.json", error) ||
                                      fs::exists(fs::path(flags.named) / "adapter", error)
                                : trial;
  Partner partner;
  if (is_adapter) {
    auto source = AdapterSource::Open(context, flags.named, "");
    if (!source.ok()) return source.status();
    partner.model = source->base();
    partner.adapter.emplace(*std::move(source));
    return partner;
  }
  const auto folder = gguf::ModelFolder(flags.named, RootsFromEnvironment());
  if (!folder.ok()) return folder.status();
  partner.model = *folder;
  if (flags.adapter.empty()) return partner;
  auto source = AdapterSource::Open(context, flags.adapter, folder->string());
  if (!source.ok()) return source.status();
  partner.adapter.emplace(*std::move(source));
  return partner;
}

absl::Status Chat(Context& context, const ChatFlags& flags) {
  const auto partner = FindPartner(context, flags);
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
  pass("--precision", "Compute type: auto, bf16 or fp32", "TYPE");
  pass("--device", "What to run on: auto, cpu or cuda:N", "DEVICE");
  pass("--threads", "CPU threads (0: all cores)", "N");
  chat->add_flag_callback(
      "--raw", [flags] { flags->passed_on.emplace_back("--raw"); },
      "Go on from each line as it stands, without a chat template");
  chat->callback([=, &context] { context.action = [=, &context] { return Chat(context, *flags); }; });
}

}  // namespace lorasweep::cli
