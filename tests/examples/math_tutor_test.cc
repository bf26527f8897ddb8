#include <array>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::testing {
namespace {

// One side of an equation as slope * x + constant, by recursive descent. "3(x - 4)", "7x", "x / 4 + 2", "5 * (-3)".
struct Linear {
  double slope = 0;
  double constant = 0;
};

class Side {
 public:
  explicit Side(std::string text) : text_(std::move(text)) { std::erase(text_, ' '); }

  Linear Read() {
    const Linear value = Sum();
    INFO(text_);
    REQUIRE(at_ == text_.size());
    return value;
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  Linear Sum() {
    Linear value = Product();
    while (Peek() == '+' || Peek() == '-') {
      const double sign = text_[at_++] == '+' ? 1 : -1;
      const Linear next = Product();
      value = {value.slope + sign * next.slope, value.constant + sign * next.constant};
    }
    return value;
  }

  Linear Product() {
    Linear value = Atom();
    while (Peek() == '*' || Peek() == '/' || Peek() == 'x' || Peek() == '(') {
      const char operation = Peek();
      if (operation == '*' || operation == '/') ++at_;
      const Linear next = Atom();
      if (operation == '/') {
        REQUIRE(next.slope == 0);
        value = {value.slope / next.constant, value.constant / next.constant};
      } else {
        REQUIRE(value.slope * next.slope == 0);
        value = {value.slope * next.constant + value.constant * next.slope, value.constant * next.constant};
      }
    }
    return value;
  }

  Linear Atom() {
    if (Peek() == '-') {
      ++at_;
      const Linear value = Atom();
      return {-value.slope, -value.constant};
    }
    if (Peek() == 'x') {
      ++at_;
      return {1, 0};
    }
    if (Peek() == '(') {
      ++at_;
      const Linear value = Sum();
      REQUIRE(Peek() == ')');
      ++at_;
      return value;
    }
    std::size_t length = 0;
    const double number = std::stod(text_.substr(at_), &length);
    at_ += length;
    return {0, number};
  }

  std::string text_;
  std::size_t at_ = 0;
};

// left - right of every equation in a text.
std::vector<Linear> Equations(const std::string& text) {
  static const std::regex equation(R"(([-0-9x(][-0-9x+*/() ]*) = ([-0-9x(][-0-9x+*/() ]*))");
  std::vector<Linear> differences;
  for (std::sregex_iterator match(text.begin(), text.end(), equation), end; match != end; ++match) {
    const Linear left = Side((*match)[1]).Read();
    const Linear right = Side((*match)[2]).Read();
    differences.push_back({left.slope - right.slope, left.constant - right.constant});
  }
  return differences;
}

std::string Generate(const std::filesystem::path& file, std::vector<std::string> flags) {
  std::vector<std::string> arguments = {BinDir() / "math_tutor_data", "--out", file};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  REQUIRE(RunProgram(arguments).status == 0);
  return ReadFile(file);
}

TEST_CASE("Every equation that the tutor writes is true for its answer", "[examples]") {
  const TempDir folder;
  std::istringstream rows(Generate(folder.path() / "data.jsonl", {}));
  std::set<std::string> different;
  int solved = 0;
  for (std::string row; std::getline(rows, row);) {
    INFO(row);
    CHECK(different.insert(row).second);
    const auto turns = nlohmann::json::parse(row).at("conversations");
    REQUIRE((turns.size() == 4 || turns.size() == 6));
    std::optional<double> answer;
    for (std::size_t i = 0; i < turns.size(); i += 2) {
      REQUIRE(turns[i].at("from") == "human");
      REQUIRE(turns[i + 1].at("from") == "gpt");
      const auto question = Equations(turns[i].at("value"));
      if (!question.empty()) {
        REQUIRE(question.size() == 1);
        REQUIRE(question[0].slope != 0);
        answer = -question[0].constant / question[0].slope;
        CHECK_THAT(turns[i + 1].at("value").get<std::string>(),
                   Catch::EndsWith("Answer: x = " + std::to_string(static_cast<int>(*answer))));
        ++solved;
      }
      for (const Linear& difference : Equations(turns[i + 1].at("value"))) {
        CHECK(difference.slope * answer.value_or(0) + difference.constant == Approx(0).margin(1e-9));
      }
    }
  }
  CHECK(different.size() == 600);
  CHECK(solved > 400);
}

TEST_CASE("The exam has true equations that the conversations do not have", "[examples]") {
  const TempDir folder;
  const std::string conversations = Generate(folder.path() / "data.jsonl", {});
  const std::string exam = Generate(folder.path() / "exam.jsonl", {"--exam", "40"});
  CHECK(Generate(folder.path() / "again.jsonl", {"--exam", "40"}) == exam);
  std::istringstream rows(exam);
  int count = 0;
  for (std::string row; std::getline(rows, row); ++count) {
    INFO(row);
    const auto turns = nlohmann::json::parse(row).at("conversations");
    REQUIRE(turns.size() == 2);
    const std::string question = turns[0].at("value");
    const auto equation = Equations(question);
    REQUIRE(equation.size() == 1);
    const int answer = static_cast<int>(-equation[0].constant / equation[0].slope);
    CHECK_THAT(turns[1].at("value").get<std::string>(), Catch::EndsWith("Answer: x = " + std::to_string(answer)));
    CHECK(conversations.find(question) == std::string::npos);
  }
  CHECK(count == 40);
}

TEST_CASE("The same seed gives the same data, another seed other data", "[examples]") {
  const TempDir folder;
  const std::string first = Generate(folder.path() / "a", {"--rows", "20"});
  CHECK(std::count(first.begin(), first.end(), '\n') == 20);
  CHECK(Generate(folder.path() / "b", {"--rows", "20", "--seed", "3407"}) == first);
  CHECK(Generate(folder.path() / "c", {"--rows", "20", "--seed", "1"}) != first);
  CHECK(RunProgram({BinDir() / "math_tutor_data", "--rows", "0", "--out", folder.path() / "d"}).status == 2);
  CHECK(RunProgram({BinDir() / "math_tutor_data"}).status == 2);
}

}  // namespace
}  // namespace lorasweep::testing
