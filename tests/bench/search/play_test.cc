#include "bench/search/play.h"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"

namespace lorasweep::bench {
namespace {

using Catch::Matchers::Contains;

const char* const kHead =
    R"({"method": "tpe", "seed": 3, "trials": 4, "space": {"x": ["float", 0, 1, false], "n": ["int", 1, 8, true],)"
    R"( "c": ["choice", ["a", "b"]]})";

struct Answers {
  std::string text;
  std::string problem;
};

Answers PlayLines(const std::string& head, const std::string& rest) {
  std::istringstream in(absl::StrCat(head, rest));
  std::FILE* out = std::tmpfile();
  Answers answers{.text = {}, .problem = Play(in, out)};
  std::rewind(out);
  for (int c = std::fgetc(out); c != EOF; c = std::fgetc(out)) answers.text += static_cast<char>(c);
  std::fclose(out);
  return answers;
}

std::string WithoutTimes(const std::string& text) {
  return text.substr(text.find("\"points\""));
}

TEST_CASE("Another program plays a sweep by lines: it asks for points and tells what came of them") {
  const Answers answers = PlayLines(kHead,
                                    "}\n{\"ask\": 2}\n{\"tell\": [[0, 0.5], [1, 0.25]]}\n"
                                    "{\"told\": [[{\"x\": 1, \"n\": 4, \"c\": \"b\"}, 0.1]]}\n{\"ask\": 1}\n");
  CHECK(answers.problem.empty());
  CHECK_THAT(answers.text, Contains("\"milliseconds\":[") && Contains("\"x\":0.") && Contains("\"c\":\""));
  CHECK(std::count(answers.text.begin(), answers.text.end(), '\n') == 2);
}

TEST_CASE("The same lines give the same points, another seed gives others") {
  const std::string first = PlayLines(kHead, "}\n{\"ask\": 1}\n").text;
  CHECK(WithoutTimes(PlayLines(kHead, "}\n{\"ask\": 1}\n").text) == WithoutTimes(first));
  std::string other = kHead;
  other.replace(other.find("\"seed\": 3"), 9, "\"seed\": 4");
  CHECK(WithoutTimes(PlayLines(other, "}\n{\"ask\": 1}\n").text) != WithoutTimes(first));
}

TEST_CASE("Reports are judged by the pruner, and the last step completes a trial") {
  const Answers answers = PlayLines(kHead,
                                    ", \"steps\": 9, \"pruner\": {\"type\": \"asha\", \"rungs\": [1, 3]}}\n"
                                    "{\"ask\": 2}\n{\"report\": [0, 1, 0.1]}\n{\"report\": [0, 9, 0.1]}\n"
                                    "{\"report\": [1, 1, 0.9]}\n");
  CHECK(answers.problem.empty());
  CHECK_THAT(answers.text,
             Contains("{\"verdict\":\"continue\"}\n{\"verdict\":\"continue\"}\n{\"verdict\":\"stop\"}\n"));
}

TEST_CASE("What is wrong with a line is said with its number") {
  CHECK_THAT(PlayLines("{", "").problem, Contains("line 1: "));
  CHECK_THAT(PlayLines(kHead, "}\n{\"beg\": 1}\n").problem,
             Contains("line 2: no command (one of ask, tell, told, report)"));
  CHECK_THAT(PlayLines(kHead, "}\n{\"tell\": [[7, 1]]}\n").problem,
             Contains("line 2: trial 7 was never asked for (there are 0, numbered from 0)"));
  CHECK_THAT(
      PlayLines(R"({"method": "tpe", "seed": 1, "trials": 1, "space": {"x": ["real", 0, 1, false]}})", "").problem,
      Contains("\"real\" is no kind of parameter (one of float, int, choice)"));
  CHECK_THAT(PlayLines(R"({"method": "magic", "seed": 1, "trials": 1, "space": {}})", "").problem, Contains("magic"));
}

}  // namespace
}  // namespace lorasweep::bench
