#include "search/expression.h"

#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/arithmetic.h"

namespace lorasweep::search {
namespace {

constexpr std::size_t kMaxLength = 1000;
constexpr int kMaxDepth = 100;

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

struct Expression::Node {
  enum class Kind { kNumber, kName, kOperation, kCall };
  using Pointer = std::unique_ptr<const Node>;

  Kind kind = Kind::kNumber;
  Number number;
  std::string name;
  char operation = 0;
  Function function = Function::kAbs;
  std::vector<Pointer> operands;

  absl::StatusOr<Number> Evaluate(const Params& params) const {
    if (kind == Kind::kNumber) return number;
    if (kind == Kind::kName) return Read(params);
    std::vector<Number> values;
    for (const Pointer& operand : operands) {
      const absl::StatusOr<Number> value = operand->Evaluate(params);
      if (!value.ok()) return value;
      values.push_back(*value);
    }
    return kind == Kind::kOperation ? Apply(operation, values[0], values[1]) : Call(function, values);
  }

  absl::StatusOr<Number> Read(const Params& params) const {
    const auto found = params.find(name);
    if (found == params.end())
      return absl::InvalidArgumentError(absl::StrCat("it reads ", name, ", which has no value"));
    if (const auto* integer = std::get_if<std::int64_t>(&found->second)) return Whole(*integer);
    if (const auto* real = std::get_if<double>(&found->second)) return Number{*real, std::nullopt};
    return absl::InvalidArgumentError(
        absl::StrCat("it reads ", name, " = ", ToString(found->second), ", which is not a number"));
  }

  class Parser;
};

// Recursive descent, one function a level of precedence. The first error wins; `text_` is not read any further then.
class Expression::Node::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Pointer> Parse() {
    Pointer root = Sum();
    if (root != nullptr && Peek() != 0) root = Fail("an operator or the end");
    if (root == nullptr) return error_;
    return root;
  }

  std::vector<std::string> names() const { return {names_.begin(), names_.end()}; }

 private:
  // Counts one level of nesting while it lives.
  struct Level {
    explicit Level(int* depth) : depth_(depth) { ++*depth_; }
    ~Level() { --*depth_; }
    int* depth_;
  };

  Pointer Fail(std::string_view expected) {
    return FailAt(absl::StrCat("expected ", std::string(expected), ", found ", Found()), position_);
  }

  Pointer FailAt(const std::string& what, std::size_t position) {
    if (error_.ok()) error_ = absl::InvalidArgumentError(absl::StrCat("column ", position + 1, ": ", what));
    return nullptr;
  }

  std::string Found() const {
    if (position_ >= text_.size()) return "the end";
    const char c = text_[position_];
    if (c >= ' ' && c <= '~') return {'\'', c, '\''};
    return "a character that has no place here";  // half of a UTF-8 sequence would spoil the message
  }

  // The next character after blanks, 0 at the end.
  char Peek() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t')) ++position_;
    return position_ < text_.size() ? text_[position_] : '\0';
  }

  static Pointer Operation(char operation, Pointer left, Pointer right) {
    auto node = std::make_unique<Node>();
    node->kind = Kind::kOperation;
    node->operation = operation;
    node->operands.push_back(std::move(left));
    node->operands.push_back(std::move(right));
    return node;
  }

  static Pointer Constant(const Number& number) {
    auto node = std::make_unique<Node>();
    node->number = number;
    return node;
  }

  Pointer Sum() {
    Pointer left = Product();
    while (left != nullptr && (Peek() == '+' || Peek() == '-')) {
      const char operation = text_[position_++];
      Pointer right = Product();
      left = right == nullptr ? nullptr : Operation(operation, std::move(left), std::move(right));
    }
    return left;
  }

  Pointer Product() {
    Pointer left = Unary();
    while (left != nullptr && (Peek() == '*' || Peek() == '/')) {
      const char operation = text_[position_++];
      Pointer right = Unary();
      left = right == nullptr ? nullptr : Operation(operation, std::move(left), std::move(right));
    }
    return left;
  }

  Pointer Unary() {
    const Level level(&depth_);
    if (depth_ > kMaxDepth) return FailAt(absl::StrCat("nested more than ", kMaxDepth, " levels deep"), position_);
    if (Peek() != '-') return Power();
    ++position_;
    Pointer operand = Unary();
    return operand == nullptr ? nullptr : Operation('-', Constant(Whole(0)), std::move(operand));
  }

  Pointer Power() {
    Pointer base = Atom();
    if (base == nullptr || Peek() != '^') return base;
    ++position_;
    Pointer exponent = Unary();
    return exponent == nullptr ? nullptr : Operation('^', std::move(base), std::move(exponent));
  }

  Pointer Atom() {
    const char c = Peek();
    if (c == '(') {
      ++position_;
      Pointer inner = Sum();
      if (inner == nullptr) return nullptr;
      if (Peek() != ')') return Fail("an operator or ')'");
      ++position_;
      return inner;
    }
    if (IsDigit(c) || c == '.') return Literal();
    if (IsNameStart(c)) return Name();
    return Fail("a number, a parameter, a function or '('");
  }

  Pointer Literal() {
    const char* begin = text_.data() + position_;
    const char* end = text_.data() + text_.size();
    double number;
    const auto [rest, error] = std::from_chars(begin, end, number);
    if (error == std::errc::result_out_of_range) return FailAt("the number is out of range", position_);
    if (error != std::errc()) return Fail("a number");
    std::int64_t integer;
    const auto [integer_rest, integer_error] = std::from_chars(begin, end, integer);
    position_ += static_cast<std::size_t>(rest - begin);
    if (integer_rest == rest && integer_error == std::errc()) return Constant(Whole(integer));
    return Constant({number, std::nullopt});
  }

  Pointer Name() {
    const std::size_t begin = position_;
    while (position_ < text_.size() &&
           (IsNameStart(text_[position_]) || IsDigit(text_[position_]) || text_[position_] == '.')) {
      ++position_;
    }
    const std::string_view word = text_.substr(begin, position_ - begin);
    if (Peek() == '(') return FunctionCall(word, begin);
    auto node = std::make_unique<Node>();
    node->kind = Kind::kName;
    node->name = std::string(word);
    names_.insert(node->name);
    return node;
  }

  Pointer FunctionCall(std::string_view word, std::size_t begin) {
    const std::optional<Function> function = FindFunction(word);
    if (!function) {
      std::string known;
      for (const std::string_view one : FunctionNames()) absl::StrAppend(&known, " ", std::string(one));
      return FailAt(absl::StrCat("unknown function ", std::string(word), "; functions:", known), begin);
    }
    auto node = std::make_unique<Node>();
    node->kind = Kind::kCall;
    node->function = *function;
    do {
      ++position_;
      Pointer argument = Sum();
      if (argument == nullptr) return nullptr;
      node->operands.push_back(std::move(argument));
    } while (Peek() == ',');
    if (Peek() != ')') return Fail("an operator, ',' or ')'");
    ++position_;
    const bool several = TakesSeveral(*function);
    if (several ? node->operands.size() < 2 : node->operands.size() != 1) {
      return FailAt(absl::StrCat(std::string(word), " takes ", several ? "two or more arguments" : "one argument",
                                 ", found ", node->operands.size()),
                    begin);
    }
    return node;
  }

  std::string_view text_;
  std::size_t position_ = 0;
  int depth_ = 0;
  absl::Status error_;
  std::set<std::string> names_;
};

absl::StatusOr<Expression> Expression::Parse(std::string_view text) {
  if (text.size() > kMaxLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("column ", kMaxLength + 1, ": the expression is longer than ", kMaxLength, " characters"));
  }
  Node::Parser parser(text);
  absl::StatusOr<Node::Pointer> root = parser.Parse();
  if (!root.ok()) return root.status();
  Expression expression;
  expression.text_ = std::string(text);
  expression.names_ = parser.names();
  expression.root_ = *std::move(root);
  return expression;
}

absl::StatusOr<Value> Expression::Evaluate(const Params& params) const {
  if (root_ == nullptr) return absl::InvalidArgumentError("the expression is empty");
  const absl::StatusOr<Number> result = root_->Evaluate(params);
  if (!result.ok())
    return absl::InvalidArgumentError(absl::StrCat(text_, ": ", std::string{result.status().message()}));
  if (!std::isfinite(result->number)) {
    return absl::InvalidArgumentError(absl::StrCat(text_, ": the result is not finite for ", ToString(params)));
  }
  if (result->integer) return Value(*result->integer);
  return Value(result->number);
}

}  // namespace lorasweep::search
