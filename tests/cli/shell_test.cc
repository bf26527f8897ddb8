#include <catch2/catch.hpp>

#include "tests/cli/fake_sweep_service.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

// What shells, and commands that people give, do with the built program.
namespace lorasweep::cli {
namespace {

std::string Program() {
  return (std::filesystem::absolute(testing::BinDir()) / "lorasweep").string();
}

bool Installed(const std::string& shell) {
  return testing::RunProgram({"/bin/sh", "-c", "command -v " + shell}).status == 0;
}

// What `shell` prints of a script that has the program's completion, as `completion` in its folder, at hand.
std::string InShell(const std::string& shell, const std::string& script, const std::string& server) {
  const testing::TempDir folder;
  const auto completion = testing::RunProgram({Program(), "completion", shell});
  REQUIRE(completion.status == 0);
  testing::WriteFile(folder.path() / "completion", completion.output);
  testing::WriteFile(folder.path() / "script", script);
  const std::string command = "cd '" + folder.path().string() + "' && exec " + shell + " script";
  return testing::RunProgram({"/bin/sh", "-c", command},
                             {"LORASWEEP_SERVER=" + server, "PROGRAM=" + Program(), "HOME=" + folder.path().string()})
      .output;
}

TEST_CASE("bash completes commands, options, words, files, sweeps and trials", "[cli][binary]") {
  if (!Installed("bash")) {
    WARN("bash is not installed");
    return;
  }
  FakeSweepService service;
  const FakeServer server(service);
  // As bash calls it: words split at = and : too, the last one the cursor's.
  const std::string script = R"(
    bash -n completion || exit 1
    source ./completion
    complete -p lorasweep
    compopt() { echo "compopt $*"; }
    ask() { COMP_WORDS=("$PROGRAM" "$@"); COMP_CWORD=$#; _lorasweep; echo "${COMPREPLY[*]}"; }
    ask leader
    ask run x.yaml --wo
    ask list --output = js
    ask list --output =
    ask run --device ''
    ask submit ''
    ask run --state ''
    ask stop math-tutor-
    ask adapter get math-tutor-
    ask show math-tutor/
    ask --server 127.0.0.1 : 1 stop ''
    ask --server no-address stop ''
    ask nonsense ''
  )";
  const std::string bash = InShell("bash", script, server.address());
  CHECK(bash ==
        "complete -F _lorasweep lorasweep\n"
        "leaderboard\n"
        "--workers\n"
        "json\n"
        "table json csv yaml\n"
        "auto cpu\n"
        "compopt -o default\n\n"
        "compopt -o dirnames\n\n"
        "math-tutor-2\n"
        "compopt -o nospace\nmath-tutor-2/\n"
        "math-tutor/best math-tutor/7 math-tutor/8\n"
        "\n\n\n");
}

TEST_CASE("zsh and fish complete the same, where they are installed", "[cli][binary]") {
  FakeSweepService service;
  const FakeServer server(service);
  if (Installed("zsh")) {
    const std::string script = R"(
      compdef() { echo "compdef $*" }
      _describe() { print -l -- "${(@P)2}" }
      compadd() { print -l -- open "${(@P)4}" }
      compset() { echo "compset $*" }
      _files() { echo "files $*" }
      source ./completion
      ask() { words=("$PROGRAM" "$@"); CURRENT=$#words; PREFIX=$words[-1]; _lorasweep }
      ask leader
      ask stop math-tutor-
      ask adapter get math-tutor-
      ask submit ''
      ask run --state=x
    )";
    const std::string zsh = InShell("zsh", script, server.address());
    CHECK(zsh ==
          "compdef _lorasweep lorasweep\n"
          "leaderboard:Rank a sweep's trials, with standard errors\n"
          "math-tutor-2:running\n"
          "open\nmath-tutor-2/\n"
          "files \n"
          "compset -P *=\nfiles -/\n");
  } else {
    WARN("zsh is not installed: its completion is not run");
  }
  if (Installed("fish")) {
    const std::string script = R"(
      source ./completion
      function lorasweep; command $PROGRAM $argv; end
      complete -C 'lorasweep leader'
      complete -C 'lorasweep stop math-tutor-'
      complete -C 'lorasweep list --output=j'
      touch some.yaml
      complete -C 'lorasweep submit som'
    )";
    const std::string fish = InShell("fish", script, server.address());
    CHECK(fish ==
          "leaderboard\tRank a sweep's trials, with standard errors\n"
          "math-tutor-2\trunning\n"
          "--output=json\n"
          "some.yaml\n");
  } else {
    WARN("fish is not installed: its completion is not run");
  }
}

TEST_CASE("wait tells how a sweep ended, by its exit code and to the command of --notify", "[cli][binary]") {
  FakeSweepService service;
  v1::WatchSweepResponse change;
  change.set_revision(12);
  *change.mutable_sweep() = ExampleSweep();
  change.mutable_sweep()->set_state(v1::Sweep::COMPLETED);
  service.changes.push_back(change);
  const FakeServer server(service);
  const auto wait = [&](const std::string& notify) {
    return testing::RunProgram(
        {"/bin/sh", "-c",
         Program() + " wait math-tutor --server " + server.address() + " --notify '" + notify + "' 2>&1"},
        {"LORASWEEP_STATE=not this one"});
  };
  service.stored.set_state(v1::Sweep::COMPLETED);
  const std::string tell = "echo $LORASWEEP_SWEEP $LORASWEEP_STATE $LORASWEEP_BEST_TRIAL $LORASWEEP_BEST_VALUE";
  const auto completed = wait(tell);
  CHECK(completed.status == 0);
  CHECK(completed.output.find("math-tutor done\nmath-tutor COMPLETED 9 0.82171\n") != std::string::npos);

  service.stored.set_state(v1::Sweep::FAILED);
  service.stored.set_error("no such model");
  service.stored.set_best_trial(-1);
  const auto failed = wait(tell + "; exit 3");
  CHECK(failed.status == 1);
  CHECK(failed.output.find("math-tutor FAILED\nthe command of --notify failed: ended with exit code 3\n"
                           "error: the sweep failed: no such model\n") != std::string::npos);
}

}  // namespace
}  // namespace lorasweep::cli
