#include "search/condition.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "search/domain.h"

namespace lorasweep::search {
namespace {

using Operator = Condition::Operator;

constexpr std::size_t kMaxLength = 1000;
// Longer ones before those that they begin with.
constexpr std::pair<std::string_view, Operator> kOperators[] = {
    {"==", Operator::kEqual},          {"!=", Operator::kUnequal}, {"<=", Operator::kLessOrEqual},
    {">=", Operator::kGreaterOrEqual}, {"<", Operator::kLess},     {">", Operator::kGreater}};

bool IsBlank(char c) {
  return c == ' ' || c == '\t';
}

// What ends a word without quotes.
bool EndsWord(char c) {
  return IsBlank(c) || std::string_view("=!<>[],'\"").find(c) != std::string_view::npos;
}

Value ValueOf(std::string_view word) {
  if (word == "true" || word == "false") return Value(word == "true");
  const char* end = word.data() + word.size();
  std::int64_t integer = 0;
  if (const auto [rest, error] = std::from_chars(word.data(), end, integer); rest == end && error == std::errc()) {
    return Value(integer);
  }
  double number = 0;
  if (const auto [rest, error] = std::from_chars(word.data(), end, number); rest == end && error == std::errc()) {
    return Value(number);
  }
  return Value(std::string(word));
}

bool HoldsFor(const Condition::Comparison& comparison, const Value& value) {
  const auto is_same = [&](const Value& other) { return SameValue(value, other); };
  if (comparison.operation == Operator::kUnequal) return !is_same(comparison.values[0]);
  if (comparison.operation == Operator::kEqual || comparison.operation == Operator::kIn) {
    return std::any_of(comparison.values.begin(), comparison.values.end(), is_same);
  }
  double left = 0;
  double right = 0;
  if (!AsNumber(value, &left) || !AsNumber(comparison.values[0], &right)) return false;
  switch (comparison.operation) {
    case Operator::kLess:
      return left < right;
    case Operator::kLessOrEqual:
      return left <= right;
    case Operator::kGreater:
      return left > right;
    default:
      return left >= right;
  }
}

// comparison {"and" comparison}. The first error wins.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<Condition::Comparison>> Parse() {
    std::vector<Condition::Comparison> comparisons;
    do {
      comparisons.push_back(Comparison());
    } while (error_.ok() && TakeWord("and"));
    SkipBlanks();
    if (position_ < text_.size()) Fail("and, or the end");
    if (!error_.ok()) return error_;
    return comparisons;
  }

 private:
  void Fail(std::string_view expected) {
    if (!error_.ok()) return;
    error_ = absl::InvalidArgumentError(
        absl::StrCat("column ", position_ + 1, ": expected ", std::string(expected),
                     "; it is written like "
                     "optimizer == sgd, schedule in [cosine, linear], or lora_rank >= 16 and use_dora == true"));
  }

  void SkipBlanks() {
    while (position_ < text_.size() && IsBlank(text_[position_])) ++position_;
  }

  bool Take(std::string_view symbol) {
    SkipBlanks();
    if (text_.substr(position_, symbol.size()) != symbol) return false;
    position_ += symbol.size();
    return true;
  }

  // A word without quotes; empty where there is none.
  std::string_view Word() {
    SkipBlanks();
    const std::size_t begin = position_;
    while (position_ < text_.size() && !EndsWord(text_[position_])) ++position_;
    return text_.substr(begin, position_ - begin);
  }

  bool TakeWord(std::string_view word) {
    const std::size_t before = position_;
    if (Word() == word) return true;
    position_ = before;
    return false;
  }

  Condition::Comparison Comparison() {
    Condition::Comparison comparison;
    comparison.parameter = std::string(Word());
    if (comparison.parameter.empty()) Fail("a parameter's name");
    if (TakeWord("in")) {
      comparison.operation = Operator::kIn;
      ReadList(&comparison.values);
      return comparison;
    }
    const auto found =
        std::find_if(std::begin(kOperators), std::end(kOperators), [&](const auto& one) { return Take(one.first); });
    if (found == std::end(kOperators)) {
      Fail("==, !=, <, <=, >, >= or in");
      return comparison;
    }
    comparison.operation = found->second;
    ReadValue(&comparison.values);
    return comparison;
  }

  void ReadList(std::vector<Value>* values) {
    if (!Take("[")) return Fail("a list like [4, 8]");
    do {
      ReadValue(values);
    } while (error_.ok() && Take(","));
    if (!Take("]")) Fail("',' or ']'");
  }

  void ReadValue(std::vector<Value>* values) {
    SkipBlanks();
    const char quote = position_ < text_.size() ? text_[position_] : '\0';
    if (quote == '\'' || quote == '"') {
      const std::size_t end = text_.find(quote, position_ + 1);
      if (end == std::string_view::npos) return Fail("a quote at the end of the text");
      values->emplace_back(std::string(text_.substr(position_ + 1, end - position_ - 1)));
      position_ = end + 1;
      return;
    }
    const std::string_view word = Word();
    if (word.empty()) return Fail("a value");
    values->push_back(ValueOf(word));
  }

  std::string_view text_;
  std::size_t position_ = 0;
  absl::Status error_;
};

}  // namespace

absl::StatusOr<Condition> Condition::Parse(std::string_view text) {
  if (text.size() > kMaxLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("column ", kMaxLength + 1, ": the condition is longer than ", kMaxLength, " characters"));
  }
  absl::StatusOr<std::vector<Comparison>> comparisons = Parser(text).Parse();
  if (!comparisons.ok()) return comparisons.status();
  Condition condition;
  condition.text_ = std::string(text);
  condition.comparisons_ = *std::move(comparisons);
  return condition;
}

bool Condition::Holds(const Params& params) const {
  return std::all_of(comparisons_.begin(), comparisons_.end(), [&](const Comparison& comparison) {
    const auto value = params.find(comparison.parameter);
    return value != params.end() && HoldsFor(comparison, value->second);
  });
}

}  // namespace lorasweep::search
