#include "manual/completion.h"

#include <catch2/catch.hpp>

#include <tuple>

#include "tests/manual/toy_program.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::manual {
namespace {

Completion At(const std::vector<std::string>& words) {
  const ToyProgram toy;
  return Complete(toy.app, words);
}

std::vector<std::string> Words(const std::vector<std::string>& words) {
  std::vector<std::string> found;
  for (const Candidate& candidate : At(words).candidates) found.push_back(candidate.word);
  return found;
}

using List = std::vector<std::string>;

TEST_CASE("Commands are completed level by level, hidden ones never", "[manual]") {
  CHECK(Words({""}) == List{"run", "adapter", "show", "stop"});
  CHECK(Words({"s"}) == List{"show", "stop"});
  CHECK(At({"ru"}).candidates.at(0).help == "Run it here");
  CHECK(Words({"-v", "--server", "x:1", "adapter", ""}) == List{"get"});
  CHECK(Words({"adapter", "get", ""}).empty());
  CHECK(Words({"hid"}).empty());
  CHECK(At({}).candidates.size() == 4);
}

TEST_CASE("Options are those of the command and of those around it, once where once is enough", "[manual]") {
  CHECK(Words({"--s"}) == List{"--server"});
  CHECK(Words({"run", "--s"}) == List{"--state", "--slots", "--set", "--server"});
  CHECK(Words({"run", "--state", "x", "--set", "a=1", "--verbose", "--s"}) == List{"--slots", "--set", "--server"});
  CHECK(Words({"run", "--verbose", "--v"}).empty());
  CHECK(Words({"run", "--he"}) == List{"--help"});
}

TEST_CASE("Values with fixed words are completed, behind a space and behind =", "[manual]") {
  CHECK(Words({"--output", ""}) == List{"table", "json"});
  CHECK(Words({"run", "-o", "j"}) == List{"json"});
  CHECK(Words({"run", "--output=j"}) == List{"--output=json"});
  CHECK(Words({"run", "--device", ""}) == List{"auto", "cpu"});
  CHECK(Words({"run", "--precision", ""}) == List{"bf16", "fp32"});
  CHECK(Words({"run", "--slots", ""}).empty());
}

TEST_CASE("Files, folders, sweeps and trials are asked for where they are wanted", "[manual]") {
  CHECK(At({"run", ""}).file);
  CHECK_FALSE(At({"run", "a.yaml", ""}).file);
  CHECK(At({"run", "--slots", "3", ""}).file);
  CHECK(At({"run", "--state", "x"}).folder);
  CHECK(At({"run", "--state=x/"}).before == "--state=");
  CHECK(At({"run", "--state=x/"}).typed == "x/");
  CHECK(At({"stop", "ma"}).sweep);
  CHECK_FALSE(At({"stop", "ma"}).trial);
  CHECK(At({"show", "ma"}).trial);
  CHECK_FALSE(At({"show", "ma"}).trial_needed);
  CHECK(At({"adapter", "get", "ma"}).trial_needed);
  CHECK(At({"adapter", "get", "ma/1", ""}).file);
  CHECK(At({"--server=h:2", "stop", "-o", "json", ""}).options ==
        std::map<std::string, std::string>{{"server", "h:2"}, {"output", "json"}});
}

TEST_CASE("Wrong lines complete nothing and break nothing", "[manual]") {
  CHECK(Words({"--nonsense", "--x=", "run", "--device=q"}).empty());
  CHECK(Words({"run", "a", "b", "c", ""}).empty());
  CHECK(Words({"--output="}) == List{"--output=table", "--output=json"});
  CHECK(Words({"-"}).size() >= 3);
}

TEST_CASE("What the shell reads is a candidate a line with its help, then what it adds of its own", "[manual]") {
  CHECK(CompletionLines(At({"ru"})) == "run\tRun it here\n");
  CHECK(CompletionLines(At({"run", "--output", "j"})) == "json\n");
  CHECK(CompletionLines(At({"run", ""})) == ":files\n");
  CHECK(CompletionLines(At({"run", "--state", ""})) == ":folders\n");
}

TEST_CASE("There are scripts for three shells, and an error that names them for others", "[manual]") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = CompletionScript(shell, "lorasweep-server");
    REQUIRE(script.ok());
    CHECK(script->find("PROGRAM") == std::string::npos);
    CHECK(script->find("FUNCTION") == std::string::npos);
    CHECK(script->find("lorasweep_server") != std::string::npos);
  }
  CHECK(std::string{CompletionScript("tcsh", "x").status().message()}.find("bash, zsh and fish") != std::string::npos);
}

TEST_CASE("Each of our programs has the scripts, and answers them", "[manual]") {
  for (const auto& [program, typed, whole] :
       {std::tuple("lorasweep", "leader", "leaderboard\t"), std::tuple("lorasweep-server", "tok", "token\t"),
        std::tuple("lorasweep-worker", "tra", "train\t")}) {
    INFO(program);
    const std::string file = std::filesystem::absolute(testing::BinDir()) / program;
    const auto script = testing::RunProgram({file, "completion", "bash"});
    CHECK(script.status == 0);
    CHECK(script.output.find(std::string(" ") + program + "\n") != std::string::npos);
    CHECK(testing::RunProgram({file, "completion", "tcsh"}).status == 2);
    const auto answer = testing::RunProgram({file, "__complete", typed});
    CHECK(answer.status == 0);
    CHECK(answer.output.starts_with(whole));
  }
}

}  // namespace
}  // namespace lorasweep::manual
