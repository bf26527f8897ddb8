#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// Text as a terminal shows it: columns instead of bytes, styles beside the text instead of inside it.
namespace lorasweep::cli {

// Columns that UTF-8 `text` takes on a terminal: 2 for wide (East Asian, emoji) characters, 0 for combining marks.
std::size_t DisplayWidth(std::string_view text);

// `text` cut to at most `width` columns; what was cut off is marked by a final "…".
std::string Shorten(std::string_view text, std::size_t width);

// `text` with every control character (also escape sequences' introducers) replaced by a space: names, reasons and
// errors come from other people's files and programs, and must not steer the terminal.
std::string Printable(std::string_view text);

// As Printable, but keeps line ends: for messages of several lines.
std::string PrintableLines(std::string_view text);

std::string PadRight(std::string_view text, std::size_t width);
std::string PadLeft(std::string_view text, std::size_t width);

enum class Style { kPlain, kBold, kFaint, kBest, kGood, kWarning, kBad };

// One line made of styled pieces.
//
//   StyledLine line;
//   line.Add("3", Style::kBest).Add("  running");
//   std::string shown = line.Render(80, colour);
class StyledLine {
 public:
  // `text` is made Printable.
  StyledLine& Add(std::string_view text, Style style = Style::kPlain);
  // Spaces up to column `width`; nothing when the line is already that long.
  StyledLine& PadTo(std::size_t width);
  std::size_t width() const { return width_; }
  // At most `max_width` columns (0: no limit), with ANSI colour sequences when `colour`; no trailing spaces.
  std::string Render(std::size_t max_width, bool colour) const;

 private:
  struct Piece {
    std::string text;
    Style style;
  };
  std::vector<Piece> pieces_;
  std::size_t width_ = 0;
};

}  // namespace lorasweep::cli
