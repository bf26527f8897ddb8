#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/fake_sweep_service.h"
#include "tests/support/paths.h"

// The built program as people and scripts meet it: arguments, exit codes, what goes to which stream.
namespace lorasweep::cli {
namespace {

struct Answer {
  int code = -1;
  std::string out;
  std::string err;
};

std::string Content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// `arguments` as a shell reads them, after the program's name; `input` is standard input.
Answer Run(const std::string& arguments, const std::string& input = "", const std::string& environment = "") {
  const testing::TempDir temp;
  std::ofstream(temp.path() / "in", std::ios::binary) << input;
  const std::string command = "cd " + temp.path().string() + " && " + environment + " " +
                              (std::filesystem::absolute(testing::BinDir()) / "lorasweep").string() + " " + arguments +
                              " <in >out 2>err";
  Answer answer;
  answer.code = WEXITSTATUS(std::system(command.c_str()));
  answer.out = Content(temp.path() / "out");
  answer.err = Content(temp.path() / "err");
  return answer;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("help and version are answers, not errors", "[cli][binary]") {
  CHECK(Run("--version").code == 0);
  CHECK(Has(Run("--version").out, "lorasweep 0."));
  const Answer help = Run("--help");
  CHECK(help.code == 0);
  for (const char* command : {"run",     "submit", "list",    "leaderboard", "trials",  "show",   "workers", "pause",
                              "resume",  "stop",   "cancel",  "delete",      "preview", "doctor", "model",   "tokenize",
                              "adapter", "trial",  "enqueue", "tag",         "note",    "update", "compare"}) {
    INFO(command);
    CHECK(Has(help.out, command));
  }
  CHECK(Run("show --help").code == 0);
  CHECK(Run("model import --help").code == 0);
}

TEST_CASE("Wrong usage exits with 2 and names what was probably meant", "[cli][binary]") {
  CHECK(Run("").code == 2);
  const Answer option = Run("list --ouput json");
  CHECK(option.code == 2);
  CHECK(Has(option.err, "--ouput"));
  CHECK(Has(option.err, "--output"));
  const Answer command = Run("leaderbord x");
  CHECK(command.code == 2);
  CHECK(Has(command.err, "leaderboard"));
  CHECK(Run("list extra").code == 2);
  CHECK(Run("show").code == 2);
  CHECK(Run("model").code == 2);
  CHECK(Run("list --output xml").code == 2);
  CHECK(Run("list --server nowhere").code == 2);
  CHECK(Run("show a/b/c/d").code == 2);
  CHECK(Run("adapter get only-a-sweep --out x").code == 2);
  CHECK(Run("trial stop only-a-sweep").code == 2);
  CHECK(Run("trial clone a/1 --set learning_rate").code == 2);
  CHECK(Run("enqueue a --set rate=1 --set rate=2").code == 2);
  CHECK(Run("update a limits.pack=2").code == 2);
  CHECK(Run("update a limits.trials=many").code == 2);
  CHECK(Run("compare only-one").code == 2);
  CHECK(Run("run missing.yaml").code == 2);
  CHECK(Run("run x.yaml --workers 0").code == 2);
  for (const char* wrong : {"list --ouput json", "leaderbord x", "run missing.yaml"}) CHECK(Run(wrong).out.empty());
}

TEST_CASE("A server that cannot be reached exits with 3, wherever it is named", "[cli][binary]") {
  CHECK(Run("--server 127.0.0.1:1 list").code == 3);
  CHECK(Run("list --server 127.0.0.1:1").code == 3);
  const Answer named = Run("list", "", "LORASWEEP_SERVER=127.0.0.1:2");
  CHECK(named.code == 3);
  CHECK(Has(named.err, "127.0.0.1:2"));
  CHECK_FALSE(Has(named.err, "gRPC"));
  CHECK(Has(Run("list -v --server 127.0.0.1:1").err, "gRPC"));
  CHECK(Run("leaderboard x --watch --server 127.0.0.1:1").code == 3);
}

TEST_CASE("Answers come as table, json, csv and yaml, before and behind the command", "[cli][binary]") {
  FakeSweepService service;
  const FakeServer server(service);
  const std::string at = " --server " + server.address();
  CHECK(Has(Run("list" + at).out, "math-tutor-2"));
  const Answer json = Run("list --output json" + at);
  CHECK(json.code == 0);
  const auto sweeps = nlohmann::json::parse(json.out, nullptr, false);
  REQUIRE(sweeps.is_array());
  CHECK(sweeps.at(0).at("name") == "sweeps/math-tutor-2");
  CHECK(Has(Run("--output csv list" + at).out, "sweep,state,"));
  CHECK(Has(Run("list --output=yaml" + at).out, "- name: sweeps/math-tutor-2"));
  const Answer board = Run("leaderboard math-tutor --output json" + at);
  CHECK(nlohmann::json::parse(board.out, nullptr, false).at("rows").size() == 4);
  CHECK(Has(Run("leaderboard math-tutor" + at).out, "0.8217 ± 0.0006"));
  CHECK(Run("show no-such-sweep" + at).code == 1);
}

TEST_CASE("Watching without a terminal writes lines and ends with the leaderboard", "[cli][binary]") {
  FakeSweepService service;
  v1::WatchSweepResponse change;
  change.set_revision(11);
  *change.mutable_sweep() = ExampleSweep();
  *change.add_trials() = ExampleTrial(3, v1::Trial::PRUNED, 6, 0.95, 3e-4, 8);
  change.mutable_trials(0)->set_outcome_reason("evil \x1b[2J text");
  service.changes.push_back(change);
  change.set_revision(12);
  change.mutable_sweep()->set_state(v1::Sweep::COMPLETED);
  service.changes.push_back(change);
  const FakeServer server(service);
  const Answer answer = Run("leaderboard math-tutor --watch --server " + server.address());
  CHECK(answer.code == 0);
  CHECK(Has(answer.err, "trial 3 pruned at step 6: evil  [2J text\n"));
  CHECK(answer.err.find('\x1b') == std::string::npos);
  CHECK(Has(answer.out, "best 0.8217 ± 0.0006 (trial 9, 21 % lower)"));
}

TEST_CASE("The doctor tells about this machine", "[cli][binary]") {
  const Answer doctor = Run("doctor --output json --server 127.0.0.1:1");
  const auto checks = nlohmann::json::parse(doctor.out, nullptr, false);
  REQUIRE(checks.is_array());
  CHECK(checks.at(0).at("check") == "version");
  CHECK((doctor.code == 0 || doctor.code == 1));
}

TEST_CASE("tokenize gives an array of id arrays for json", "[cli][binary]") {
  const auto model = testing::SharedDir() / "models/stories260K";
  LORASWEEP_NEEDS(model / "tokenizer.json");
  const std::string name = std::filesystem::absolute(model).string();
  const Answer lines = Run("tokenize " + name + " --output json", "Once upon\na time\n");
  CHECK(lines.code == 0);
  const auto ids = nlohmann::json::parse(lines.out, nullptr, false);
  REQUIRE(ids.is_array());
  REQUIRE(ids.size() == 2);
  CHECK(ids[0].is_array());
  CHECK(nlohmann::json::parse(Run("tokenize " + name + " --output json", std::string("a\nb\0c\0", 6)).out).size() == 2);
  CHECK(Run("tokenize no-such-model").code == 1);
}

}  // namespace
}  // namespace lorasweep::cli
