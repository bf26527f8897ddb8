#include "manual/man_page.h"

#include <catch2/catch.hpp>

#include "tests/manual/toy_program.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::manual {
namespace {

std::string ToyPage() {
  const ToyProgram toy;
  return ManPage(toy.app, {.version = "1.2",
                           .paragraphs = {"It's said `so`."},
                           .exit_codes = {{"0", "done"}},
                           .see_also = {"other", "another"}});
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("A manual page has what the command line says, and nothing hidden", "[manual]") {
  const std::string page = ToyPage();
  CHECK(page.starts_with(
      ".TH TOY 1 \"\" \"lorasweep 1.2\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\ntoy \\- plays with settings\n"));
  CHECK(
      Has(page, "\n\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fItable|json\\fR\nHow answers are written (default: table)\n"));
  CHECK(Has(page, "Where it listens (default: 127.0.0.1:1; variable: TOY_SERVER)\n"));
  CHECK(Has(page, "\n.SS \\fBtoy adapter get\\fR \\fISWEEP/TRIAL\\fR [\\fIMODEL\\fR]\n"));
  CHECK(Has(page, "At once; it\\(aqs a number (1 to 64; default: 8)\n"));
  CHECK(Has(page, "\\fIbf16|fp32\\fR"));
  CHECK(Has(page, "\n\\fBTOY_SERVER\\fR\nas \\-\\-server\n"));
  CHECK(Has(page, ".SH EXIT STATUS\n.TP\n\\fB0\\fR\ndone\n"));
  CHECK(Has(page, "\\fBother\\fR(1), \\fBanother\\fR(1)\n"));
  CHECK_FALSE(Has(page, "Not for people"));
  CHECK_FALSE(Has(page, ".SS \\fBtoy adapter\\fR\n"));
}

TEST_CASE("What troff would read as its own is printed as it stands", "[manual]") {
  const std::string page = ToyPage();
  CHECK(Has(page, "\n\\&.5 of them"));
  CHECK(Has(page, "End one \\[u2013] \\[u00B1]1 \\e second\n"));
  CHECK(Has(page, "It\\(aqs said \\(gaso\\(ga.\n"));
}

TEST_CASE("groff formats the pages of our programs without a warning", "[manual]") {
  if (testing::RunProgram({"/bin/sh", "-c", "command -v groff"}).status != 0) {
    WARN("groff is not installed: the pages are not formatted");
    return;
  }
  const testing::TempDir folder;
  testing::WriteFile(folder.path() / "toy.1", ToyPage());
  for (const char* program : {"lorasweep", "lorasweep-server", "lorasweep-worker"}) {
    INFO(program);
    const auto page = testing::RunProgram({std::filesystem::absolute(testing::BinDir()) / program, "man"});
    CHECK(page.status == 0);
    CHECK(Has(page.output, ".SH NAME\n"));
    CHECK(Has(page.output, ".SH SEE ALSO\n"));
    testing::WriteFile(folder.path() / (std::string(program) + ".1"), page.output);
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const auto formatted = testing::RunProgram({"/bin/sh", "-c", "groff -man -ww -z -Tutf8 " + entry.path().string()});
    CHECK(formatted.status == 0);
    CHECK(formatted.output == "");
  }
  const auto text = testing::RunProgram(
      {"/bin/sh", "-c", "groff -man -Tutf8 -P-cbou -rLL=100n " + (folder.path() / "toy.1").string()});
  CHECK(Has(text.output, "End one – ±1 \\ second"));
  CHECK(Has(text.output, "-o, --output table|json"));
}

}  // namespace
}  // namespace lorasweep::manual
