#pragma once

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace lorasweep::manual {

// What a page tells besides the command line itself.
struct PageNotes {
  std::string version;
  std::vector<std::string> paragraphs;                          // of the description
  std::vector<std::pair<std::string, std::string>> exit_codes;  // {"0", "done"}
  std::vector<std::string> see_also;                            // other pages of section 1, by name
};

// The manual page of a program, section 1, as troff source (man macros, ASCII): made of the description of its command
// line. Hidden options and commands (CLI11's empty group) are left out. Without a date: the same program, the same
// page.
std::string ManPage(const CLI::App& app, const PageNotes& notes);

}  // namespace lorasweep::manual
