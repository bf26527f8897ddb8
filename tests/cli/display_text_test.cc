#include "cli/display_text.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "cli/sparkline.h"

namespace lorasweep::cli {
namespace {

TEST_CASE("Width counts columns, not bytes", "[cli][text]") {
  CHECK(DisplayWidth("abc") == 3);
  CHECK(DisplayWidth("±∞█") == 3);
  CHECK(DisplayWidth("数学") == 4);
  CHECK(DisplayWidth("e\xCC\x81") == 1);
  CHECK(DisplayWidth("\xFF\xFE") == 2);
}

TEST_CASE("Shortening never cuts a character and marks what was cut", "[cli][text]") {
  CHECK(Shorten("abcdef", 6) == "abcdef");
  CHECK(Shorten("abcdef", 4) == "abc…");
  CHECK(Shorten("数学数学", 4) == "数…");
  CHECK(Shorten("abc", 0).empty());
}

TEST_CASE("Other people's texts cannot steer the terminal", "[cli][text]") {
  CHECK(Printable("a\x1b[2Jb\r\n\tc") == "a [2Jb   c");
  CHECK(Printable("\xC2\x9B"
                  "31mred") == " 31mred");  // the one-character form of ESC [
  CHECK(Printable("a\xFF") == "a\xEF\xBF\xBD");
  CHECK(PrintableLines("a\nb\x07\n") == "a\nb \n");
}

TEST_CASE("A styled line fits the width with and without colour", "[cli][text]") {
  StyledLine line;
  line.Add("trial 3", Style::kBest).Add("  running");
  CHECK(line.width() == 16);
  CHECK(line.Render(0, false) == "trial 3  running");
  CHECK(line.Render(10, false) == "trial 3  …");
  CHECK(line.Render(7, false) == "trial …");
  CHECK(line.Render(0, true) == "\x1b[1;38;5;74mtrial 3\x1b[0m  running");
}

TEST_CASE("A sparkline draws the curve's shape in the width it gets", "[cli][sparkline]") {
  CHECK(Sparkline(std::vector<double>{8, 7, 6, 5, 4, 3, 2, 1}, 8) == "█▇▆▅▄▃▂▁");
  CHECK(Sparkline(std::vector<double>{1, 1, 1}, 10) == "▄▄▄");
  CHECK(Sparkline(std::vector<double>{4, 3, 2, 1}, 2) == "█▁");
  CHECK(Sparkline(std::vector<double>{1, std::nan(""), 2}, 3) == "▁×█");
  CHECK(Sparkline(std::vector<double>{-std::numeric_limits<double>::max(), std::numeric_limits<double>::max()}, 2) ==
        "▁█");
  CHECK(Sparkline({}, 5).empty());
}

TEST_CASE("A progress bar is full at the end and empty at the beginning", "[cli][sparkline]") {
  CHECK(ProgressBar(0, 4) == "────");
  CHECK(ProgressBar(1, 4) == "━━━━");
  CHECK(ProgressBar(0.5, 4) == "━━──");
  CHECK(ProgressBar(0.4, 4) == "━╸──");
  CHECK(ProgressBar(7, 2) == "━━");
  CHECK(ProgressBar(std::nan(""), 2) == "──");
}

}  // namespace
}  // namespace lorasweep::cli
