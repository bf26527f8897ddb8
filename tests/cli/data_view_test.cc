#include "cli/data_view.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/app.h"
#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"

namespace lorasweep::cli {
namespace {

std::vector<std::string> Shown(const chat::Supervised& row, bool colour) {
  std::vector<std::string> lines;
  for (const StyledLine& line : MarkedLines(row, colour)) lines.push_back(line.Render(0, colour));
  return lines;
}

TEST_CASE("What is learned stands between brackets where there is no colour", "[cli]") {
  const chat::Supervised row = {.text = "user\nhi\nbot\none\ntwo<end>\n", .sequence = {}, .learned = {{12, 25}}};
  CHECK(Shown(row, false) == std::vector<std::string>{"user", "hi", "bot", "⟦one⏎", "two<end>⏎", "⟧"});
  const std::vector<std::string> coloured = Shown(row, true);
  CHECK(coloured[0] == "user");
  CHECK(coloured[3].find("\x1b[") != std::string::npos);
  CHECK(coloured[3].find("⟦") == std::string::npos);
}

TEST_CASE("Control characters of a data file do not reach the terminal", "[cli]") {
  CHECK(Shown({.text = "a\x1b[2Jb", .sequence = {}, .learned = {}}, true) == std::vector<std::string>{"a [2Jb"});
}

TEST_CASE("Lengths are told as they were before max_length", "[cli]") {
  text::TokenizedData data;
  data.train = {{.sequences = {{.ids = {1, 2, 3, 4}, .learned = {0, 0, 1, 1}}}}};
  data.validation = {{.ids = {1, 2}, .learned = {0, 1}}};
  data.report.rows_read = 5;
  data.report.truncated = 1;
  data.report.lengths = {2, 4, 9, 3, 3};
  const auto json = DataJson(data, 4);
  CHECK(json["lengths"]["longest"] == 9);
  CHECK(json["lengths"]["median"] == 3);
  CHECK(json["lengths"]["over_max_length"] == 1);
  CHECK(json["train"]["learned_tokens"] == 2);
  CHECK(json["rows_read"] == 5);
  CHECK(json["test"]["sequences"] == 0);
  const auto facts = DataFacts(data, 4);
  CHECK(facts[1].second == "2 to 9, median 3, 90 % within 9, 95 % 9, 99 % 9; 1 over 4");
  CHECK(facts[2].second == "1 row, 1 sequence, 4 tokens, 50 % learned");
  CHECK(facts[4].second == "none");
}

struct Answer {
  int code = -1;
  std::string out;
  std::string err;
};

Answer Run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "lorasweep");
  std::ostringstream out;
  std::ostringstream err;
  const int code = RunProgram(arguments, out, err);
  return {code, out.str(), err.str()};
}

TEST_CASE("data show tells what a model sees of rows in every form and what was left out", "[cli]") {
  testing::TempDir dir;
  setenv("LORASWEEP_CACHE", dir.path().c_str(), 1);
  setenv("NO_COLOR", "1", 1);
  testing::WriteTinyModel(dir.path() / "model", testing::TemplateSource("chatml"));
  std::string chats;
  std::string code;
  std::string alpaca;
  std::string texts;
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    chats += R"({"conversations": [{"from": "human", "value": "q)" + n +
             R"("}, {"from": "gpt", "value": "a"}], "source": "x"})" + "\n";
    code += R"({"instruction": "Write f)" + n + R"(.", "output": "def f(): pass"})" + "\n";
    alpaca += (i > 0 ? "," : "[") + std::string(R"({"instruction": "Add.", "input": ")") + n + R"(", "output": "b"})";
    texts += R"({"text": "once upon a time )" + n + "\"}\n";
  }
  chats += chats.substr(0, chats.find('\n') + 1);
  testing::WriteFile(dir.path() / "finetome.jsonl", chats);
  testing::WriteFile(dir.path() / "evol.jsonl", code);
  testing::WriteFile(dir.path() / "alpaca.json", alpaca + "]");
  testing::WriteFile(dir.path() / "texts.jsonl", texts);
  testing::WriteFile(dir.path() / "sweep.yaml", R"(model: model
data:
  train: [finetome.jsonl, evol.jsonl, alpaca.json, texts.jsonl]
  validation: 4
  test: 3
  max_length: 80
parameters: {learning_rate: {values: [0.1]}}
)");
  const std::string file = (dir.path() / "sweep.yaml").string();
  const Answer answer = Run({"data", "show", file, "--rows", "1", "--output", "json"});
  INFO(answer.err);
  REQUIRE(answer.code == 0);
  const auto model = nlohmann::json::parse(answer.out)["models"][0];
  CHECK(model["rows_read"] == 41);
  CHECK(model["duplicates"] == 1);
  CHECK(model["train"]["sequences"] == 33);
  CHECK(model["validation"]["sequences"] == 4);
  CHECK(model["test"]["sequences"] == 3);
  CHECK(model["lengths"]["sequences"] == 40);
  REQUIRE(model["rows"].size() == 4);
  CHECK(model["rows"][0]["text"] == "<|im_start|>user\nq0<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n");
  CHECK(model["rows"][0]["learned_tokens"] == 2);
  CHECK(model["rows"][2]["text"].get<std::string>().starts_with("<|im_start|>user\nAdd.\n0<|im_end|>\n"));
  CHECK(model["rows"][3]["text"] == "once upon a time 0</s>");
  CHECK(model["rows"][3]["mask"].size() == model["rows"][3]["ids"].size());

  const Answer people = Run({"data", "show", file, "--rows", "1"});
  CHECK(people.code == 0);
  CHECK(people.out.find("⟦a<|im_end|>⟧") != std::string::npos);
  CHECK(people.out.find("1 duplicate") != std::string::npos);
  const Answer missing = Run({"data", "show", file, "--set", "data.train=none.jsonl"});
  CHECK(missing.code == 2);
  CHECK(missing.err == "error: data: none.jsonl: no such file\n");
}

}  // namespace
}  // namespace lorasweep::cli
