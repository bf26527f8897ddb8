#include <catch2/catch.hpp>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "doors/http_client.h"
#include "tests/e2e/cluster.h"
#include "tests/support/tiny_model.h"

// `lorasweep playground`: the real programs on a real, tiny model.
namespace lorasweep::testing {
namespace {

using Json = nlohmann::json;

struct Answered {
  int status = 0;
  Json json;
};

Answered Post(const std::string& url, const Json& body) {
  const auto answer = doors::Post({.url = url, .body = body.dump()});
  INFO(std::string{answer.status().message()});
  REQUIRE(answer.ok());
  return {answer->status, Json::parse(answer->body, nullptr, false)};
}

struct Streamed {
  std::map<int, std::string> texts;
  std::map<int, Json> ends;
};

// Server-sent events of answers.
Streamed Ask(const std::string& url, const Json& body) {
  const auto answer = doors::Post({.url = url + "api/answers", .body = body.dump()});
  REQUIRE(answer.ok());
  INFO(answer->body);
  REQUIRE(answer->status == 200);
  Streamed streamed;
  std::istringstream lines(answer->body);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    REQUIRE(line.starts_with("data: "));
    const Json event = Json::parse(line.substr(6));
    const int number = event["answer"];
    if (event.contains("text")) {
      CHECK_FALSE(streamed.ends.contains(number));
      streamed.texts[number] += event["text"].get<std::string>();
    } else {
      streamed.ends[number] = event;
    }
  }
  return streamed;
}

Json Asked(int model, const std::string& text) {
  return {{"model", model}, {"messages", Json::array({{{"role", "user"}, {"content", text}}})}};
}

// A sweep of two trials that have learned something, completed.
std::string TunedSweep(Cluster& cluster) {
  const std::string model = MakeTinyChatModel(cluster.folder()).string();
  WriteFile(cluster.folder() / "rows.jsonl", TinyConversations(60));
  WriteFile(cluster.folder() / "tuned.yaml",
            "model: " + model +
                "\ndata: {train: rows.jsonl, validation: 4, max_length: 128}\n"
                "training: {max_steps: 40, batch_size: 4, eval_every: 0, save_every: 0, precision: fp32}\n"
                "parameters: {lora_rank: {values: [4, 8]}, learning_rate: {value: 5.0e-3}}\nmethod: grid\n");
  cluster.StartWorker("w");
  const std::string sweep = cluster.Submit(cluster.folder() / "tuned.yaml");
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  return sweep;
}

// Base and both trials in a playground, by one of the engines.
struct Playing {
  Playing(Cluster& cluster, const std::string& sweep, const std::vector<std::string>& engine)
      : process(Words(cluster, sweep, engine), cluster.folder() / (engine.front() + ".log")) {
    const bool up = process.WaitForOutput("Ctrl-C");
    const std::string output = process.Output();
    INFO(output);
    REQUIRE(up);
    std::smatch found;
    REQUIRE(std::regex_search(output, found, std::regex("playground: (http://127.0.0.1:[0-9]+/)")));
    url = found[1];
  }

  static std::vector<std::string> Words(Cluster& cluster, const std::string& sweep,
                                        const std::vector<std::string>& engine) {
    std::vector<std::string> words = {(BinDir() / "lorasweep").string(),
                                      "--server",
                                      cluster.address(),
                                      "playground",
                                      sweep,
                                      "--top",
                                      "2",
                                      "--port",
                                      "0",
                                      "--threads",
                                      "1"};
    words.insert(words.end(), engine.begin(), engine.end());
    return words;
  }

  Process process;
  std::string url;
};

const std::vector<std::string> kWorker = {"--precision", "fp32", "--device", "cpu"};

TEST_CASE("the playground answers with base and trials side by side, and votes join the trial", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  Cluster cluster;
  const std::string sweep = TunedSweep(cluster);
  Playing playing(cluster, sweep, kWorker);
  const std::string& url = playing.url;

  const auto page = doors::Get({.url = url, .body = ""});
  REQUIRE(page.ok());
  CHECK_THAT(page->body, Catch::Contains("app.js"));
  const Json about = Json::parse(doors::Get({.url = url + "api/playground", .body = ""})->body);
  CHECK(about["base"] == "tiny-chat");
  CHECK(about["chat"] == true);
  REQUIRE(about["models"].size() == 3);
  CHECK(about["models"][0]["trial"] == "");
  const auto board = cluster.Leaderboard(sweep);
  CHECK(about["models"][1]["trial"] == board[0].trial().name());
  CHECK(about["models"][1]["value"] == board[0].value());

  // Side by side is what each says alone, and the tuned ones have learned.
  const std::string question = "Tell me of Lily on day 3.";
  const Json body = {{"answers", {Asked(0, question), Asked(1, question), Asked(2, question)}}, {"max_tokens", 40}};
  const Streamed together = Ask(url, body);
  REQUIRE(together.ends.size() == 3);
  for (int number = 0; number < 3; ++number) {
    const Streamed alone = Ask(url, {{"answers", {Asked(number, question)}}, {"max_tokens", 40}});
    CHECK(alone.texts.at(0) == together.texts.at(number));
    CHECK(together.ends.at(number)["tokens"].get<int>() > 0);
  }
  CHECK_THAT(together.texts.at(1), Catch::Contains("Once upon a time, Lily saw"));
  CHECK(together.ends.at(1)["end"] == "length");
  CHECK(together.ends.at(1)["tokens"] == 40);
  CHECK(together.texts.at(0) != together.texts.at(1));

  // What is wrong is said, and harms nothing.
  CHECK(Post(url + "api/answers", {{"answers", {Asked(3, "x")}}}).status == 400);
  CHECK(Post(url + "api/answers", {{"answers", Json::array()}}).status == 400);
  CHECK(Post(url + "api/answers", {{"answers", {Asked(0, "x")}}, {"temperature", -1}}).status == 400);
  CHECK(Post(url + "api/answers", {{"answers", {{{"model", 0}, {"messages", "x"}}}}}).status == 400);
  CHECK(Post(url + "api/votes", {{"models", {0, 1}}, {"winner", 2}}).status == 400);
  CHECK(Post(url + "api/votes", {{"models", {0}}, {"winner", 0}}).status == 400);
  const auto foreign =
      doors::Post({.url = url + "api/votes", .body = "{}", .headers = {{"Origin", "http://evil.example"}}});
  REQUIRE(foreign.ok());
  CHECK(foreign->status == 403);

  // Votes: won, tied, and won against base and the other trial.
  CHECK(Post(url + "api/votes", {{"models", {0, 1}}, {"winner", 1}}).json["votes"][0]["value"] == 1.0);
  CHECK(Post(url + "api/votes", {{"models", {0, 1}}, {"winner", nullptr}}).json["votes"][0]["value"] == 0.75);
  const Json votes = Post(url + "api/votes", {{"models", {2, 0, 1}}, {"winner", 1}}).json["votes"];
  CHECK(votes.size() == 3);
  const auto after = cluster.Leaderboard(sweep);
  std::map<std::string, double> measured;
  for (const auto& one : after[0].trial().measurements()) measured[one.metric()] = one.value();
  CHECK(measured["eval/votes"] == Approx(2.5 / 3));
  CHECK(measured["eval/votes_against_trials"] == 1);
  REQUIRE(after[1].trial().measurements_size() == 1);
  CHECK(after[1].trial().measurements(0).metric() == "eval/votes_against_trials");
  CHECK(after[1].trial().measurements(0).value() == 0);

  playing.process.Signal(SIGINT);
  CHECK(playing.process.Wait() == 0);
  CHECK(cluster.Cli({"playground", sweep, "--trial", "9", "--port", "0"}).status != 0);
}

TEST_CASE("llama.cpp answers in the playground as the worker does", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  LORASWEEP_NEEDS(CacheDir() / "bin/llama-server");
  Cluster cluster;
  const std::string sweep = TunedSweep(cluster);
  Playing worker(cluster, sweep, kWorker);
  Playing llama(
      cluster, sweep,
      {"--engine", "llama.cpp", "--type", "f32", "--llama-server", (CacheDir() / "bin/llama-server").string()});
  const Json about = Json::parse(doors::Get({.url = llama.url + "api/playground", .body = ""})->body);
  CHECK(about["device"] == "cpu f32, llama.cpp");
  const std::string question = "Tell me of Lily on day 3.";
  const Json body = {{"answers", {Asked(0, question), Asked(1, question), Asked(2, question)}}, {"max_tokens", 24}};
  const Streamed expected = Ask(worker.url, body);
  const Streamed answered = Ask(llama.url, body);
  for (int number = 0; number < 3; ++number) {
    CHECK(answered.texts.at(number) == expected.texts.at(number));
    CHECK(answered.ends.at(number)["end"] == expected.ends.at(number)["end"]);
    CHECK(answered.ends.at(number)["tokens"] == expected.ends.at(number)["tokens"]);
  }
  CHECK(answered.texts.at(0) != answered.texts.at(1));
  llama.process.Signal(SIGINT);
  CHECK(llama.process.Wait() == 0);
}

TEST_CASE("what llama.cpp cannot be given for the playground is said before anything is loaded", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  Cluster cluster;
  const std::string model = MakeTinyChatModel(cluster.folder()).string();
  const auto said = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"playground", model, "--port", "0"});
    const auto answer = cluster.Cli(words);
    CHECK(answer.status != 0);
    return answer.output;
  };
  CHECK_THAT(said({"--engine", "llama.cpp", "--type", "q9"}), Catch::Contains("--type q9 is not known"));
  CHECK_THAT(said({"--engine", "llama.cpp", "--llama-server", "/no/such"}),
             Catch::Contains("--llama-server /no/such: no program that can be run"));
  CHECK_THAT(said({"--type", "q8_0"}), Catch::Contains("--type goes with --engine llama.cpp only"));
  CHECK_THAT(said({"--engine", "llama.cpp", "--device", "cuda:0"}),
             Catch::Contains("--device goes with --engine worker only"));
  CHECK_THAT(said({"--engine", "ollama"}), Catch::Contains("worker"));
}

}  // namespace
}  // namespace lorasweep::testing
