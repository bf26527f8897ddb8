#include "search/expression.h"

#include <cmath>

#include "search/rng.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::MakeExpression;
using testing::MessageOf;

const Params kParams = {{"lora_rank", std::int64_t{16}},
                        {"scale", 0.5},
                        {"schedule", std::string("linear")},
                        {"training.max_steps", std::int64_t{120}},
                        {"flag", true}};

Value Evaluate(const std::string& text) {
  const absl::StatusOr<Value> value = MakeExpression(text).Evaluate(kParams);
  INFO(text << " " << value.status());
  REQUIRE(value.ok());
  return *value;
}

std::string ParseError(const std::string& text) {
  const absl::StatusOr<Expression> expression = Expression::Parse(text);
  INFO(text);
  CHECK(expression.status().code() == absl::StatusCode::kInvalidArgument);
  return MessageOf(expression.status());
}

Value Whole(std::int64_t value) {
  return value;
}

TEST_CASE("Expressions follow the rules of arithmetic", "[search]") {
  CHECK(Evaluate("2 * lora_rank") == Whole(32));
  CHECK(Evaluate("1 + 2 * 3") == Whole(7));
  CHECK(Evaluate("(1 + 2) * 3") == Whole(9));
  CHECK(Evaluate("10 - 4 - 3") == Whole(3));
  CHECK(Evaluate("2 ^ 3 ^ 2") == Whole(512));
  CHECK(Evaluate("-2 ^ 2") == Whole(-4));
  CHECK(Evaluate("2 ^ -1") == Value(0.5));
  CHECK(Evaluate("--3") == Whole(3));
  CHECK(Evaluate("7 / 2 / 2") == Value(1.75));
  CHECK(Evaluate("  training.max_steps/8 ") == Whole(15));
}

TEST_CASE("Integers stay integers while the operations keep them whole", "[search]") {
  CHECK(Evaluate("32 / lora_rank") == Whole(2));
  CHECK(Evaluate("lora_rank / 32") == Value(0.5));
  CHECK(Evaluate("2.0 * lora_rank") == Value(32.0));
  CHECK(Evaluate("scale * lora_rank") == Value(8.0));
  CHECK(Evaluate("min(lora_rank, 8)") == Whole(8));
  CHECK(Evaluate("min(lora_rank, 8, 0.5)") == Value(0.5));
  CHECK(Evaluate("max(lora_rank, 0.5)") == Value(16.0));
  CHECK(Evaluate("abs(-3)") == Whole(3));
  CHECK(Evaluate("abs(-0.5)") == Value(0.5));
  CHECK(Evaluate("round(16 / sqrt(lora_rank))") == Whole(4));
  CHECK(Evaluate("floor(2.7)") == Whole(2));
  CHECK(Evaluate("ceil(2.1)") == Whole(3));
  CHECK(Evaluate("round(-2.5)") == Whole(-3));
}

TEST_CASE("Integers that overflow become numbers", "[search]") {
  CHECK(Evaluate("9223372036854775807 + 1") == Value(9223372036854775808.0));
  CHECK(Evaluate("2 ^ 70") == Value(std::pow(2.0, 70)));
  CHECK(Evaluate("1 ^ 4000000000") == Whole(1));
  CHECK(Evaluate("(-9223372036854775807 - 1) / -1") == Value(9223372036854775808.0));
  CHECK(Evaluate("round(1e300)") == Value(1e300));
}

TEST_CASE("Functions compute what they are called", "[search]") {
  CHECK(std::get<double>(Evaluate("sqrt(2)")) == Approx(std::sqrt(2.0)));
  CHECK(std::get<double>(Evaluate("log(10)")) == Approx(std::log(10.0)));
  CHECK(std::get<double>(Evaluate("log2(8)")) == Approx(3));
  CHECK(std::get<double>(Evaluate("log10(1000)")) == Approx(3));
  CHECK(std::get<double>(Evaluate("exp(1)")) == Approx(std::exp(1.0)));
}

TEST_CASE("An expression knows the names it reads", "[search]") {
  CHECK(MakeExpression("b * a + b - min(a, c.d)").names() == std::vector<std::string>{"a", "b", "c.d"});
  CHECK(MakeExpression("1 + 2").names().empty());
  CHECK(MakeExpression(" 1 + 2").text() == " 1 + 2");
}

TEST_CASE("Parse errors give the column and what was expected", "[search]") {
  CHECK(ParseError("") == "column 1: expected a number, a parameter, a function or '(', found the end");
  CHECK(ParseError("2 *") == "column 4: expected a number, a parameter, a function or '(', found the end");
  CHECK(ParseError("2 ** 3") == "column 4: expected a number, a parameter, a function or '(', found '*'");
  CHECK(ParseError("(1 + 2") == "column 7: expected an operator or ')', found the end");
  CHECK(ParseError("1 2") == "column 3: expected an operator or the end, found '2'");
  CHECK(ParseError("sine(2)").find("column 1: unknown function sine; functions: min max") == 0);
  CHECK(ParseError("1 + min(2)") == "column 5: min takes two or more arguments, found 1");
  CHECK(ParseError("sqrt(1, 2)") == "column 1: sqrt takes one argument, found 2");
  CHECK(ParseError("1e999") == "column 1: the number is out of range");
  CHECK(ParseError("a \xc3\xa9").find("column 3") == 0);
  CHECK(ParseError("a = 3").find("column 3") == 0);
}

TEST_CASE("Length and depth are limited", "[search]") {
  CHECK(ParseError(std::string(1001, '1')).find("column 1001") == 0);
  CHECK(ParseError(std::string(101, '(') + "1" + std::string(101, ')')).find("nested more than 100") !=
        std::string::npos);
  CHECK(ParseError(std::string(500, '-') + "1").find("nested more than 100") != std::string::npos);
  CHECK(Expression::Parse(std::string(99, '(') + "1" + std::string(99, ')')).ok());
  std::string sum = "1";
  while (sum.size() < 999) sum += "+1";
  CHECK(Evaluate(sum) == Whole(500));
}

TEST_CASE("Evaluation says what is missing, not a number or not finite", "[search]") {
  auto error = [](const std::string& text) { return MessageOf(MakeExpression(text).Evaluate(kParams).status()); };
  CHECK(error("2 * rank") == "2 * rank: it reads rank, which has no value");
  CHECK(error("schedule + 1") == "schedule + 1: it reads schedule = linear, which is not a number");
  CHECK(error("flag") == "flag: it reads flag = true, which is not a number");
  CHECK(error("1 / (lora_rank - 16)").find("not finite") != std::string::npos);
  CHECK(error("sqrt(-1)").find("not finite") != std::string::npos);
  CHECK(error("min(1, log(-1))").find("not finite") != std::string::npos);
  CHECK(MessageOf(Expression().Evaluate(kParams).status()) == "the expression is empty");
}

TEST_CASE("Copies share one tree and outlive the original", "[search]") {
  Expression copy;
  {
    const Expression original = MakeExpression("lora_rank + 1");
    copy = original;
  }
  CHECK(*copy.Evaluate(kParams) == Whole(17));
}

TEST_CASE("Random texts never crash, and every error names a column", "[search]") {
  static constexpr const char* kPieces[] = {"1", "2.5",   "lora_rank", "+", "-",    "*",     "/",     "^",
                                            "(", ")",     ",",         " ", "min(", "sqrt(", "round", "1e",
                                            ".", "scale", "\t",        "x", "$",    "\xff",  "e9",    "max("};
  Rng rng(20);
  int parsed = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    const std::uint64_t pieces = rng.Below(12) + 1;
    for (std::uint64_t p = 0; p < pieces; ++p) text += kPieces[rng.Below(std::size(kPieces))];
    const absl::StatusOr<Expression> expression = Expression::Parse(text);
    if (expression.ok()) {
      ++parsed;
      const absl::StatusOr<Value> value = expression->Evaluate(kParams);
      double number = 0;
      if (value.ok() && !(AsNumber(*value, &number) && std::isfinite(number))) FAIL(text);
    } else if (MessageOf(expression.status()).rfind("column ", 0) != 0) {
      FAIL(text << ": " << expression.status());
    }
  }
  CHECK(parsed > 300);
}

}  // namespace
}  // namespace lorasweep::search
