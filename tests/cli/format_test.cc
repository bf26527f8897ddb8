#include "cli/format.h"

#include <catch2/catch.hpp>
#include <limits>

namespace lorasweep::cli {
namespace {

TEST_CASE("A value shows as many digits as its standard error justifies", "[cli][format]") {
  CHECK(FormatEstimate(0.82171234, 0.00061) == "0.8217 ± 0.0006");
  CHECK(FormatEstimate(0.82171234, 0.0013) == "0.8217 ± 0.0013");
  CHECK(FormatEstimate(0.82171234, 0.00096) == "0.8217 ± 0.0010");
  CHECK(FormatEstimate(12.3456, 0.4) == "12.3 ± 0.4");
  CHECK(FormatEstimate(1234.5, 30) == "1234 ± 30");
}

TEST_CASE("An error that rounds up to a leading one keeps its second digit", "[cli][format]") {
  CHECK(DecimalsFor(0.000999) == 4);  // 0.0010
  CHECK(DecimalsFor(0.00019) == 5);
  CHECK(DecimalsFor(0.0002) == 4);
}

TEST_CASE("A difference carries its sign, and a value without an error no plus-minus", "[cli][format]") {
  CHECK(FormatDifference(0.00812, 0.00051) == "+0.0081 ± 0.0005");
  CHECK(FormatDifference(-0.00812, 0.00051) == "-0.0081 ± 0.0005");
  CHECK(FormatEstimate(0.8, 0) == "0.8000");
  CHECK(FormatEstimate(0.8, std::numeric_limits<double>::quiet_NaN()) == "0.8000");
  CHECK(FormatEstimate(std::numeric_limits<double>::quiet_NaN(), 0.1) == "NaN");
}

TEST_CASE("Parameters are short, and exact where other programs read them", "[cli][format]") {
  CHECK(FormatNumber(0.00031) == "3.1e-4");
  CHECK(FormatNumber(0.0003) == "3e-4");
  CHECK(FormatNumber(0.05) == "0.05");
  CHECK(FormatNumber(16) == "16");
  CHECK(FormatNumber(0) == "0");
  CHECK(FormatNumber(12345) == "12345");
  CHECK(FormatNumber(2.5e7) == "2.5e7");
  CHECK(FormatNumber(-std::numeric_limits<double>::infinity()) == "-∞");
  CHECK(ExactNumber(0.1) == "0.1");
  CHECK(std::stod(ExactNumber(1.0 / 3)) == 1.0 / 3);
}

TEST_CASE("Counts, sizes and durations read as people say them", "[cli][format]") {
  CHECK(FormatCount(1234567) == "1,234,567");
  CHECK(FormatCount(-1234) == "-1,234");
  CHECK(FormatCount(999) == "999");
  CHECK(FormatBytes(98'100'000) == "98.1 MB");
  CHECK(FormatBytes(512) == "512 B");
  CHECK(FormatBytes(999'960) == "1.0 MB");
  CHECK(FormatDuration(8) == "8 s");
  CHECK(FormatDuration(360) == "6 min");
  CHECK(FormatDuration(4800) == "1 h 20 min");
  CHECK(FormatDuration(3 * 86400 + 4 * 3600) == "3 d 4 h");
  CHECK(FormatDuration(std::numeric_limits<double>::infinity()) == "?");
  CHECK(FormatPercent(0.4375) == "44 %");
  CHECK(FormatAge(1000, 1360) == "6 min ago");
  CHECK(FormatAge(0, 1360).empty());
  CHECK(Plural(1, "trial") == "1 trial");
  CHECK(Plural(2, "trial") == "2 trials");
}

TEST_CASE("Every state has its own word, and a mark besides its colour", "[cli][format]") {
  CHECK(StateMark(v1::Trial::RUNNING) == "●");
  CHECK(StateMark(v1::Trial::COMPLETED) == "✓");
  CHECK(StateMark(v1::Trial::PRUNED) == "✕");
  CHECK(StateMark(v1::Trial::FAILED) == "!");
  CHECK(StateMark(v1::Trial::PAUSED) == "‖");
  CHECK(StateWord(v1::Trial::COMPLETED) == "done");
  CHECK(StateWord(static_cast<v1::Trial::State>(77)) == "unknown");
}

}  // namespace
}  // namespace lorasweep::cli
