#include "manual/man_page.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "manual/option_value.h"

namespace lorasweep::manual {
namespace {

// Bytes of the UTF-8 character that begins with `lead`.
std::size_t CharacterLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

// `text` (UTF-8) so that troff prints it as it stands.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = std::min(CharacterLength(lead), text.size() - at);
    if (length > 1) {
      std::uint32_t point = lead & (0xffU >> (length + 1));
      for (std::size_t i = 1; i < length; ++i) point = point << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fU);
      absl::StrAppend(&escaped, absl::StrFormat("\\[u%04X]", point));
    } else if (lead == '\\') {
      escaped += "\\e";
    } else if (lead == '-') {
      escaped += "\\-";
    } else if (lead == '\'') {
      escaped += "\\(aq";  // not a typographic quote
    } else if (lead == '`') {
      escaped += "\\(ga";
    } else {
      escaped += text[at];
    }
    at += length;
  }
  return escaped;
}

// A line of text: troff takes one that begins with a point for a request.
std::string Line(std::string_view text) {
  return absl::StrCat(text.starts_with('.') ? "\\&" : "", Escaped(text), "\n");
}

std::string Bold(std::string_view text) {
  return absl::StrCat("\\fB", Escaped(text), "\\fR");
}

std::string Italic(std::string_view text) {
  return absl::StrCat("\\fI", Escaped(text), "\\fR");
}

bool IsArgument(const CLI::Option* option) {
  return option->get_positional() && !option->nonpositional();
}

std::vector<const CLI::Option*> Shown(const CLI::App& app, bool arguments) {
  return app.get_options([arguments](const CLI::Option* option) {
    return !option->get_group().empty() && IsArgument(option) == arguments;
  });
}

// "-o, --output table|json", "SWEEP"
std::string Heading(const CLI::Option& option) {
  const OptionValue value = ValueOf(option);
  if (IsArgument(&option)) return Italic(value.name.empty() ? option.get_name(true) : value.name);
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back(Bold(absl::StrCat("-", name)));
  for (const std::string& name : option.get_lnames()) names.push_back(Bold(absl::StrCat("--", name)));
  return absl::StrCat(absl::StrJoin(names, ", "), value.name.empty() ? "" : absl::StrCat(" ", Italic(value.name)));
}

// Empty: none that is worth telling.
std::string DefaultOf(const CLI::Option& option) {
  std::string text = option.get_default_str();
  // CLI11 writes paths in quotes, and empty lists as brackets.
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  const bool flag = option.get_items_expected_max() == 0;
  return flag || text == "[]" || text == "{}" ? "" : text;
}

// What it is; in brackets its range, default and variable.
std::string Explanation(const CLI::Option& option) {
  std::vector<std::string> asides;
  if (option.get_required() && !IsArgument(&option)) asides.emplace_back("needed");
  const std::string range = ValueOf(option).range;
  if (!range.empty()) asides.push_back(range);
  const std::string standard = DefaultOf(option);
  if (!standard.empty()) asides.push_back(absl::StrCat("default: ", standard));
  if (!option.get_envname().empty()) asides.push_back(absl::StrCat("variable: ", option.get_envname()));
  std::string text = option.get_description();
  if (!asides.empty()) absl::StrAppend(&text, " (", absl::StrJoin(asides, "; "), ")");
  return Line(text);
}

std::string Entries(const std::vector<const CLI::Option*>& options) {
  std::string text;
  for (const CLI::Option* option : options) {
    absl::StrAppend(&text, ".TP\n", Heading(*option), "\n", Explanation(*option));
  }
  return text;
}

// "lorasweep adapter get [OPTION]... SWEEP/TRIAL"
std::string Usage(const CLI::App& command, const std::string& path, bool options) {
  std::string line = Bold(path);
  if (options) absl::StrAppend(&line, " [", Italic("OPTION"), "]...");
  for (const CLI::Option* argument : Shown(command, true)) {
    const std::string name = Heading(*argument);
    absl::StrAppend(&line, " ", argument->get_required() ? name : absl::StrCat("[", name, "]"));
  }
  return line;
}

bool OnlyHelp(const std::vector<const CLI::Option*>& options) {
  return std::all_of(options.begin(), options.end(),
                     [](const CLI::Option* option) { return option->check_lname("help"); });
}

std::vector<const CLI::App*> Commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

// A section for each command that does something.
std::string Sections(const CLI::App& app, const std::string& path) {
  std::string text;
  for (const CLI::App* command : Commands(app)) {
    const std::string name = absl::StrCat(path, " ", command->get_name());
    std::vector<const CLI::Option*> options = Shown(*command, false);
    const bool plain = OnlyHelp(options);
    if (Commands(*command).empty()) {
      options.erase(std::remove_if(options.begin(), options.end(),
                                   [](const CLI::Option* option) { return option->check_lname("help"); }),
                    options.end());
      absl::StrAppend(&text, ".SS ", Usage(*command, name, !plain), "\n", Line(command->get_description()),
                      Entries(Shown(*command, true)), Entries(options));
    }
    absl::StrAppend(&text, Sections(*command, name));
  }
  return text;
}

// Variables and the options that they stand for, of the whole program.
void CollectVariables(const CLI::App& app, std::map<std::string, std::string>* variables) {
  for (const CLI::Option* option : Shown(app, false)) {
    if (!option->get_envname().empty()) variables->emplace(option->get_envname(), option->get_name());
  }
  for (const CLI::App* command : Commands(app)) CollectVariables(*command, variables);
}

// "Finds good settings." -> "finds good settings", as the one line that `apropos` shows.
std::string Summary(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string Upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

}  // namespace

std::string ManPage(const CLI::App& app, const PageNotes& notes) {
  const std::string& name = app.get_name();
  const bool commands = !Commands(app).empty();
  // Without hyphens and wide gaps: names and options are to be copied.
  std::string page =
      absl::StrCat(".TH ", Escaped(Upper(name)), " 1 \"\" \"", Escaped(absl::StrCat("lorasweep ", notes.version)),
                   "\" \"User Commands\"\n.nh\n.ad l\n", ".SH NAME\n", Escaped(name), " \\- ",
                   Escaped(Summary(app.get_description())), "\n", ".SH SYNOPSIS\n", Usage(app, name, true));
  if (commands) absl::StrAppend(&page, " [", Italic("COMMAND"), " [", Italic("ARGUMENT"), "]...]");
  absl::StrAppend(&page, "\n.SH DESCRIPTION\n", Line(app.get_description()));
  for (const std::string& paragraph : notes.paragraphs) absl::StrAppend(&page, ".PP\n", Line(paragraph));
  absl::StrAppend(&page, ".SH OPTIONS\n", Entries(Shown(app, true)), Entries(Shown(app, false)));
  if (commands) absl::StrAppend(&page, ".SH COMMANDS\n", Sections(app, name));
  std::map<std::string, std::string> variables;
  CollectVariables(app, &variables);
  if (!variables.empty()) absl::StrAppend(&page, ".SH ENVIRONMENT\n");
  for (const auto& [variable, option] : variables) {
    absl::StrAppend(&page, ".TP\n", Bold(variable), "\n", Line(absl::StrCat("as ", option)));
  }
  if (!notes.exit_codes.empty()) absl::StrAppend(&page, ".SH EXIT STATUS\n");
  for (const auto& [code, meaning] : notes.exit_codes) {
    absl::StrAppend(&page, ".TP\n", Bold(code), "\n", Line(meaning));
  }
  std::vector<std::string> pages;
  for (const std::string& other : notes.see_also) pages.push_back(absl::StrCat(Bold(other), "(1)"));
  if (!pages.empty()) absl::StrAppend(&page, ".SH SEE ALSO\n", absl::StrJoin(pages, ", "), "\n");
  return page;
}

}  // namespace lorasweep::manual
