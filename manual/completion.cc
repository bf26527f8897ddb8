#include "manual/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "manual/option_value.h"

namespace lorasweep::manual {
namespace {

// A command line as far as it was typed, read word by word. Wrong words are passed over: completion is no place for
// errors.
class Reader {
 public:
  explicit Reader(const CLI::App& app) : command_(&app) {}

  // A word with others behind it.
  void Take(const std::string& word) {
    if (waiting_ != nullptr) {
      Note(*waiting_, word);
      waiting_ = nullptr;
    } else if (word.size() > 1 && word.front() == '-') {
      const std::size_t equals = word.find('=');
      const CLI::Option* option = FindOption(word.substr(0, equals));
      if (option == nullptr) return;
      if (equals != std::string::npos) {
        Note(*option, word.substr(equals + 1));
      } else if (option->get_items_expected_max() == 0) {
        Note(*option, "");
      } else {
        waiting_ = option;
      }
    } else if (const CLI::App* command = FindCommand(word); command != nullptr) {
      command_ = command;
      arguments_ = 0;
    } else {
      ++arguments_;
    }
  }

  // The word at the cursor.
  Completion Finish(const std::string& word) {
    completion_.typed = word;
    if (waiting_ != nullptr) {
      OfferValue(*waiting_);
    } else if (word.starts_with("--") && word.find('=') != std::string::npos) {
      const std::size_t equals = word.find('=');
      completion_.before = word.substr(0, equals + 1);
      completion_.typed = word.substr(equals + 1);
      if (const CLI::Option* option = FindOption(word.substr(0, equals)); option != nullptr) OfferValue(*option);
    } else if (word.starts_with('-')) {
      OfferOptions();
    } else {
      if (arguments_ == 0) {
        for (const CLI::App* command : Commands()) Offer(command->get_name(), command->get_description());
      }
      if (const CLI::Option* argument = NextArgument(); argument != nullptr) OfferValue(*argument);
    }
    return std::move(completion_);
  }

 private:
  std::vector<const CLI::App*> Commands() const {
    return command_->get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
  }

  const CLI::App* FindCommand(const std::string& word) const {
    const auto commands = Commands();
    const auto at = std::find_if(commands.begin(), commands.end(),
                                 [&](const CLI::App* command) { return command->get_name() == word; });
    return at == commands.end() ? nullptr : *at;
  }

  // Those of the command, then those of the commands around it, which may stand here too.
  std::vector<const CLI::Option*> Options() const {
    std::vector<const CLI::Option*> all;
    for (const CLI::App* app = command_; app != nullptr; app = app->get_parent()) {
      for (const CLI::Option* option : app->get_options()) {
        const bool inherited_help = app != command_ && option->check_lname("help");
        if (option->nonpositional() && !option->get_group().empty() && !inherited_help) all.push_back(option);
      }
    }
    return all;
  }

  const CLI::Option* FindOption(const std::string& name) const {
    for (const CLI::Option* option : Options()) {
      if (option->check_name(name)) return option;
    }
    return nullptr;
  }

  const CLI::Option* NextArgument() const {
    const auto arguments = command_->get_options([](const CLI::Option* option) { return option->get_positional(); });
    if (arguments.empty()) return nullptr;
    if (arguments_ < arguments.size()) return arguments[arguments_];
    return arguments.back()->get_items_expected_max() > 1 ? arguments.back() : nullptr;
  }

  void Note(const CLI::Option& option, const std::string& value) {
    given_.push_back(&option);
    if (!option.get_lnames().empty()) completion_.options[option.get_lnames().front()] = value;
  }

  void Offer(const std::string& word, const std::string& help) {
    if (word.starts_with(completion_.typed)) completion_.candidates.push_back({completion_.before + word, help});
  }

  void OfferOptions() {
    for (const CLI::Option* option : Options()) {
      const bool once = option->get_items_expected_max() <= 1;
      if (once && std::find(given_.begin(), given_.end(), option) != given_.end()) continue;
      Offer(option->get_lnames().empty() ? absl::StrCat("-", option->get_snames().front())
                                         : absl::StrCat("--", option->get_lnames().front()),
            option->get_description());
    }
  }

  void OfferValue(const CLI::Option& option) {
    const OptionValue value = ValueOf(option);
    for (const std::string& word : value.words) Offer(word, "");
    completion_.file = value.file;
    completion_.folder = value.folder;
    completion_.sweep = value.sweep;
    completion_.trial = value.trial;
    completion_.trial_needed = value.trial_needed;
  }

  const CLI::App* command_;
  const CLI::Option* waiting_ = nullptr;  // its value comes next
  std::size_t arguments_ = 0;             // of the command, so far
  std::vector<const CLI::Option*> given_;
  Completion completion_;
};

}  // namespace

Completion Complete(const CLI::App& app, const std::vector<std::string>& words) {
  Reader reader(app);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) reader.Take(words[i]);
  return reader.Finish(words.empty() ? "" : words.back());
}

std::string CompletionLines(const Completion& completion) {
  std::string lines;
  for (const Candidate& candidate : completion.candidates) {
    absl::StrAppend(&lines, candidate.word, candidate.help.empty() ? "" : "\t", candidate.help, "\n");
  }
  if (completion.file) {
    absl::StrAppend(&lines, ":files\n");
  } else if (completion.folder) {
    absl::StrAppend(&lines, ":folders\n");
  }
  return lines;
}

CLI::App* AddCompletionCommand(CLI::App& app, std::string* shell) {
  CLI::App* completion = app.add_subcommand("completion", "A script that completes commands when Tab is pressed");
  completion->add_option("shell", *shell, "The shell that is to learn it")->required()->type_name("bash|zsh|fish");
  return completion;
}

bool AnswerCompletion(const CLI::App& app, int argc, const char* const* argv, std::ostream& out) {
  if (argc < 2 || std::string_view(argv[1]) != kCompleteCommand) return false;
  out << CompletionLines(Complete(app, {argv + 2, argv + argc}));
  return true;
}

}  // namespace lorasweep::manual
