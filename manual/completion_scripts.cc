#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "manual/completion.h"

namespace lorasweep::manual {
namespace {

// In the scripts, PROGRAM is the program's name and FUNCTION the same as a name of functions.

constexpr std::string_view kBash = R"sh(# bash completion of PROGRAM, which is asked what may stand at the cursor.
_FUNCTION() {
  local program=${COMP_WORDS[0]/#\~\//$HOME/} current=${COMP_WORDS[COMP_CWORD]} words=() word i
  # bash splits at = and : too, where they are among its word breaks; the program wants whole words.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((${#words[@]} > 0)) && { [[ $word == [=:]* ]] || [[ ${words[-1]} == *[=:] ]]; }; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  # What stands before the part that bash replaces.
  [[ $current == [=:]* ]] && current=
  local before=${words[-1]%"$current"}
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    case $word in
      :files) compopt -o default ;;
      :folders) compopt -o dirnames ;;
      ?*) COMPREPLY+=("${word#"$before"}") ;;
    esac
  done < <("$program" __complete "${words[@]}" 2>/dev/null)
  # A name that goes on behind its slash.
  if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == */ ]]; then compopt -o nospace; fi
} 2>/dev/null
complete -F _FUNCTION PROGRAM
)sh";

constexpr std::string_view kZsh = R"sh(#compdef PROGRAM
# zsh completion of PROGRAM, which is asked what may stand at the cursor.
_FUNCTION() {
  local program=${~${words[1]}} line kind= word
  local -a found open
  for line in "${(@f)$("$program" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    word=${line%%$'\t'*}
    if [[ $line == :(files|folders) ]]; then
      kind=$line
    elif [[ $word == */ ]]; then
      open+=("$word") # a name that goes on behind its slash
    elif [[ $line == *$'\t'* ]]; then
      found+=("${word//:/\\:}:${line#*$'\t'}")
    elif [[ -n $line ]]; then
      found+=("${word//:/\\:}")
    fi
  done
  local answer=1
  (($#found)) && _describe PROGRAM found && answer=0
  (($#open)) && compadd -S '' -a open && answer=0
  [[ -n $kind && $PREFIX == --*=* ]] && compset -P '*='
  case $kind in
    :files) _files && answer=0 ;;
    :folders) _files -/ && answer=0 ;;
  esac
  return answer
}
if [[ $funcstack[1] == _FUNCTION ]]; then
  _FUNCTION "$@"
else
  compdef _FUNCTION PROGRAM
fi
)sh";

constexpr std::string_view kFish = R"sh(# fish completion of PROGRAM, which is asked what may stand at the cursor.
function __FUNCTION_complete
    set -l before (commandline -opc)
    set -l typed (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $before[1])
    set -l option (string match -r -- '^--[^=]*=' "$typed")
    set -l value (string replace -r -- '^--[^=]*=' '' "$typed")
    for line in ($program __complete $before[2..-1] "$typed" 2>/dev/null)
        switch $line
            case :files
                for path in (__fish_complete_path "$value")
                    echo "$option$path"
                end
            case :folders
                for path in (__fish_complete_directories "$value")
                    echo "$option$path"
                end
            case '*'
                echo $line
        end
    end
end
complete -c PROGRAM -f -a '(__FUNCTION_complete)'
)sh";

}  // namespace

absl::StatusOr<std::string> CompletionScript(std::string_view shell, const std::string& program) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kScripts = {
      {{"bash", kBash}, {"zsh", kZsh}, {"fish", kFish}}};
  for (const auto& [name, script] : kScripts) {
    if (name != shell) continue;
    const std::string function = absl::StrReplaceAll(program, {{"-", "_"}});
    return absl::StrReplaceAll(std::string(script), {{"PROGRAM", program}, {"FUNCTION", function}});
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no completion for the shell '", std::string(shell), "'; there is for bash, zsh and fish"));
}

}  // namespace lorasweep::manual
