#pragma once

#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace CLI {
class App;
}

// What a shell offers when Tab is pressed. The shells' scripts know nothing of a program: they ask it at every Tab, by
// `PROGRAM __complete WORDS...`, so that they fit whatever version is installed.
namespace lorasweep::manual {

inline constexpr char kCompleteCommand[] = "__complete";

struct Candidate {
  std::string word;  // whole, as it would stand on the line
  std::string help;  // one line; may be empty
};

struct Completion {
  std::vector<Candidate> candidates;  // that begin as what was typed
  // What else may stand there, as OptionValue tells it.
  bool file = false;
  bool folder = false;
  bool sweep = false;
  bool trial = false;
  bool trial_needed = false;
  std::string before;                          // "--trial=" where the value stands behind it, in the same word
  std::string typed;                           // of the value, so far
  std::map<std::string, std::string> options;  // values of options that stand before, by their long name
};

// What may stand at the end of a command line. `words`: those behind the program's name, the last one as far as it was
// typed (may be empty).
Completion Complete(const CLI::App& app, const std::vector<std::string>& words);

// What `__complete` prints: a line a candidate, "WORD\tHELP"; then ":files" or ":folders" where the shell is to offer
// those of its own.
std::string CompletionLines(const Completion& completion);

// The script that teaches a shell to ask `program`. InvalidArgument: not bash, zsh or fish.
absl::StatusOr<std::string> CompletionScript(std::string_view shell, const std::string& program);

// Adds the command `completion bash|zsh|fish`, which prints that script. `shell` gets the word; it outlives the parse.
CLI::App* AddCompletionCommand(CLI::App& app, std::string* shell);

// Answers a script, for a program whose command line says all that it has to offer. False: no script asks.
bool AnswerCompletion(const CLI::App& app, int argc, const char* const* argv, std::ostream& out);

}  // namespace lorasweep::manual
