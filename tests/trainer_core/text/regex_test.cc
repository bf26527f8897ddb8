#include "trainer_core/text/regex.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "trainer_core/text/byte_level.h"
#include "trainer_core/text/regex_syntax.h"
#include "trainer_core/text/split.h"

namespace lorasweep::text {
namespace {

std::vector<std::string> Matches(const std::string& pattern, const std::string& text) {
  const absl::StatusOr<Regex> regex = Regex::Compile(pattern);
  INFO(regex.status().ToString());
  REQUIRE(regex.ok());
  RegexMatcher matcher(*regex);
  std::vector<Span> spans;
  matcher.FindAll(text, spans);
  std::vector<std::string> found;
  for (const Span span : spans) found.push_back(text.substr(span.begin, span.size()));
  return found;
}

using Texts = std::vector<std::string>;

TEST_CASE("GPT-2's expression splits words, numbers, signs and spaces") {
  CHECK(Matches(std::string(kByteLevelRegex), "I'm 25 ½!  naïve\n\n x") ==
        Texts{"I", "'m", " 25", " ½", "!", " ", " naïve", "\n\n", " x"});
}

TEST_CASE("expressions mean what they mean in Oniguruma") {
  CHECK(Matches(R"(\s)", "a\u180e\u3000").size() == 1);  // U+180E is no white space
  CHECK(Matches(R"(\w+)", "nai\u0308ve x") == Texts{"nai\u0308ve", "x"});
  CHECK(Matches(R"(\h+)", "xyz beef") == Texts{"beef"});  // hexadecimal digits
  CHECK(Matches(R"([\h]+)", "xyz beef") == Texts{"beef"});
  CHECK(Matches(R"([^\s]+)", "a\u180e b") == Texts{"a\u180e", "b"});
  CHECK(Matches(R"([\S]+)", "a b") == Texts{"a", "b"});
  CHECK(Matches(R"(\p{N}{1,3}+x)", "12345x") == Texts{"12345x"});  // repeated, not possessive
  CHECK(Matches(R"((?:ab){2}+)", "ababababab") == Texts{"abababab"});
  CHECK(Matches(R"((?m:a.b))", "a\nb") == Texts{"a\nb"});  // the dot matches a line's end
  CHECK(Matches(R"(a.b)", "a\nb").empty());
  CHECK(Matches(R"(^b$)", "a\nb\nc") == Texts{"b"});  // anchors are those of lines
  CHECK(Matches(R"((?i:'s|'t))", "'S'ſ't") == Texts{"'S", "'ſ", "'t"});
  CHECK(Matches(R"([a\]\[-]+)", "x[a]-") == Texts{"[a]-"});
  CHECK(Matches(R"([[:alpha:]]+)", "ab1") == Texts{"ab"});
  CHECK(Matches(R"((?<!x)a)", "xa a") == Texts{"a"});
}

TEST_CASE("empty matches move on and never follow a match at once") {
  CHECK(Matches("a*", "baac") == Texts{"", "aa", ""});
  CHECK(Matches("", "ä").size() == 2);
}

TEST_CASE("expressions that cannot be had are refused") {
  CHECK(Regex::Compile("(a").status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(Regex::Compile("[a").status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(Regex::Compile("[a&&b]").status().code() == absl::StatusCode::kUnimplemented);
  CHECK(Regex::Compile("[a[bc]]").status().code() == absl::StatusCode::kUnimplemented);
  CHECK(Regex::Compile(R"([\W])").status().code() == absl::StatusCode::kUnimplemented);
  CHECK_FALSE(Regex::Compile("\\").ok());
  CHECK_FALSE(Regex::Compile(R"(\p{L)").ok());
}

TEST_CASE("a literal matches itself alone") {
  const absl::StatusOr<Regex> regex = Regex::Literal("a.*[é");
  REQUIRE(regex.ok());
  RegexMatcher matcher(*regex);
  std::vector<Span> spans;
  matcher.FindAll("abc a.*[é", spans);
  REQUIRE(spans.size() == 1);
  CHECK(spans[0] == Span{4, 10});
}

TEST_CASE("a million characters are matched without giving up") {
  const std::string spaces(1'000'000, ' ');
  CHECK(Matches(std::string(kByteLevelRegex), spaces + "x").size() == 2);
  CHECK(Matches(R"((a|b)+x)", std::string(1'000'000, 'a') + "x").size() == 1);
}

std::vector<std::string> Parts(const std::string& text, SplitBehavior behavior, bool invert) {
  const absl::StatusOr<Regex> regex = Regex::Compile(" ");
  RegexMatcher matcher(*regex);
  std::vector<Span> matches;
  matcher.FindAll(text, matches);
  std::vector<Span> spans;
  SplitAt(matches, text.size(), behavior, invert, 0, spans);
  std::vector<std::string> parts;
  for (const Span span : spans) parts.push_back(text.substr(span.begin, span.size()));
  return parts;
}

TEST_CASE("delimiters are removed, isolated or merged") {
  CHECK(Parts("a  b ", SplitBehavior::kRemoved, false) == Texts{"a", "b"});
  CHECK(Parts("a  b ", SplitBehavior::kRemoved, true) == Texts{" ", " ", " "});
  CHECK(Parts("a  b ", SplitBehavior::kIsolated, false) == Texts{"a", " ", " ", "b", " "});
  CHECK(Parts("a  b ", SplitBehavior::kMergedWithPrevious, false) == Texts{"a ", " ", "b "});
  CHECK(Parts("a  b ", SplitBehavior::kMergedWithNext, false) == Texts{"a", " ", " b", " "});
  CHECK(Parts("a  b ", SplitBehavior::kContiguous, false) == Texts{"a", "  ", "b", " "});
}

}  // namespace
}  // namespace lorasweep::text
