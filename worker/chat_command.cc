#include "worker/chat_command.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer_core/chat/chat_template.h"
#include "trainer_core/chat/end_of_turn.h"
#include "trainer_core/text/growing_text.h"
#include "trainer_core/text/tokenizer.h"
#include "worker/flags.h"
#include "worker/inference_task.h"

namespace lorasweep::worker {
namespace {

volatile sig_atomic_t interrupted = 0;

// Without SA_RESTART, so that a Ctrl-C at the prompt ends the waiting for a line.
void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

class Chat {
 public:
  Chat(const ChatFlags& flags, text::Tokenizer tokenizer, std::optional<chat::ChatTemplate> chat_template,
       std::unique_ptr<trainer::Generator> generator)
      : flags_(flags),
        tokenizer_(std::move(tokenizer)),
        template_(std::move(chat_template)),
        generator_(std::move(generator)),
        options_(flags.generation) {
    const auto end = template_ ? chat::EndOfTurn(*template_, tokenizer_) : std::nullopt;
    if (end) options_.extra_stop_ids.push_back(*end);
    Forget();
  }

  absl::Status Answer(const std::string& line) {
    absl::StatusOr<std::vector<std::int32_t>> prompt = Prompt(line);
    if (!prompt.ok()) return prompt.status();
    if (prompt->empty()) return absl::OkStatus();
    text::GrowingText answer(tokenizer_);
    interrupted = 0;
    const absl::StatusOr<trainer::Generation> generation =
        generator_->Generate({.prompt = *std::move(prompt), .options = options_}, [&](std::int32_t id) {
          Print(answer.Add(id));
          return interrupted == 0;
        });
    Print(answer.Rest() + "\n");
    interrupted = 0;
    if (!generation.ok()) return generation.status();
    ++options_.seed;  // the same question may be answered otherwise
    if (template_) messages_.push_back({.role = "assistant", .content = answer.Whole()});
    return absl::OkStatus();
  }

  void Forget() {
    messages_.clear();
    if (!flags_.system.empty()) messages_.push_back({.role = "system", .content = flags_.system});
  }

 private:
  absl::StatusOr<std::vector<std::int32_t>> Prompt(const std::string& line) {
    if (!template_) return tokenizer_.Encode(line, {.add_special_tokens = true});
    messages_.push_back({.role = "user", .content = line});
    const auto rendered = template_->Render(messages_, {.add_generation_prompt = true});
    if (!rendered.ok()) {
      messages_.pop_back();
      return rendered.status();
    }
    return tokenizer_.Encode(rendered->text);
  }

  const ChatFlags& flags_;
  const text::Tokenizer tokenizer_;
  const std::optional<chat::ChatTemplate> template_;
  std::unique_ptr<trainer::Generator> generator_;
  trainer::GenerationOptions options_;
  std::vector<chat::Message> messages_;
};

absl::Status Run(const ChatFlags& flags, const trainer::TrainerOptions& options) {
  auto tokenizer = text::Tokenizer::Load(flags.model / "tokenizer.json");
  if (!tokenizer.ok()) return tokenizer.status();
  std::optional<chat::ChatTemplate> chat_template;
  if (!flags.raw) {
    auto loaded = chat::ChatTemplate::Load(flags.model);
    if (absl::IsNotFound(loaded.status())) {
      return absl::NotFoundError(
          absl::StrCat(std::string{loaded.status().message()}, "; --raw goes on from your text without one"));
    }
    if (!loaded.ok()) return loaded.status();
    chat_template = *std::move(loaded);
  }
  auto generator = trainer::MakeGenerator(options, flags.model);
  if (!generator.ok()) return generator.status();
  if (!flags.adapter.empty()) {
    if (absl::Status used = (*generator)->UseAdapters({flags.adapter}); !used.ok()) return used;
  }
  const bool person = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  if (person) {
    std::cerr << (*generator)->description() << "; /new forgets what was said, /exit or Ctrl-D ends\n";
  }
  Chat chat(flags, *std::move(tokenizer), std::move(chat_template), *std::move(generator));
  std::string line;
  while (true) {
    if (person) Print("> ");
    if (!std::getline(std::cin, line)) break;
    if (line == "/exit") break;
    if (line == "/new") {
      chat.Forget();
      continue;
    }
    const absl::Status answered = chat.Answer(line);
    // A question that is too long is no reason to end.
    if (!answered.ok() && !(person && absl::IsInvalidArgument(answered))) return answered;
    if (!answered.ok()) std::cerr << "error: " << std::string{answered.message()} << '\n';
  }
  if (person) Print("\n");
  return absl::OkStatus();
}

}  // namespace

int RunChat(const ChatFlags& flags, trainer::TrainerOptions options) {
  options.precision = PrecisionOf(flags.precision);
  CatchInterrupts();
  const absl::Status status = Run(flags, options);
  if (status.ok()) return kDone;
  std::cerr << "error: " << std::string{status.message()} << '\n';
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ? kWrongUsage : kFailed;
}

}  // namespace lorasweep::worker
