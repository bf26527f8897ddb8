#include "search/arithmetic.h"

#include <cmath>
#include <utility>

namespace lorasweep::search {
namespace {

// A whole number as an integer where one can hold it.
Number Rounded(double number) {
  if (std::abs(number) <= 0x1p62) return Whole(static_cast<std::int64_t>(number));
  return {number, std::nullopt};
}

std::optional<std::int64_t> IntegerPower(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return std::nullopt;
  std::int64_t power = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(power, base, &power)) return std::nullopt;
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return std::nullopt;
  }
  return power;
}

// The exact integer result, where there is one.
std::optional<std::int64_t> IntegerOperation(char operation, std::int64_t a, std::int64_t b) {
  std::int64_t result;
  switch (operation) {
    case '+':
      return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case '-':
      return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case '*':
      return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case '/':
      // INT64_MIN / -1 overflows.
      if (b == 0 || b == -1) return b == 0 ? std::nullopt : IntegerOperation('-', 0, a);
      return a % b == 0 ? std::optional(a / b) : std::nullopt;
    default:
      return IntegerPower(a, b);
  }
}

constexpr std::pair<std::string_view, Function> kFunctions[] = {
    {"min", Function::kMin},     {"max", Function::kMax},   {"round", Function::kRound}, {"floor", Function::kFloor},
    {"ceil", Function::kCeil},   {"sqrt", Function::kSqrt}, {"log", Function::kLog},     {"log2", Function::kLog2},
    {"log10", Function::kLog10}, {"exp", Function::kExp},   {"abs", Function::kAbs}};

}  // namespace

Number Apply(char operation, const Number& a, const Number& b) {
  if (a.integer && b.integer) {
    if (const auto whole = IntegerOperation(operation, *a.integer, *b.integer)) return Whole(*whole);
  }
  switch (operation) {
    case '+':
      return {a.number + b.number, std::nullopt};
    case '-':
      return {a.number - b.number, std::nullopt};
    case '*':
      return {a.number * b.number, std::nullopt};
    case '/':
      return {a.number / b.number, std::nullopt};
    default:
      return {std::pow(a.number, b.number), std::nullopt};
  }
}

std::vector<std::string_view> FunctionNames() {
  std::vector<std::string_view> names;
  for (const auto& [name, function] : kFunctions) names.push_back(name);
  return names;
}

std::optional<Function> FindFunction(std::string_view name) {
  for (const auto& [known, function] : kFunctions) {
    if (known == name) return function;
  }
  return std::nullopt;
}

bool TakesSeveral(Function function) {
  return function == Function::kMin || function == Function::kMax;
}

Number Call(Function function, const std::vector<Number>& arguments) {
  const Number& first = arguments.front();
  switch (function) {
    case Function::kMin:
    case Function::kMax: {
      Number best = first;
      bool whole = first.integer.has_value();
      for (const Number& other : arguments) {
        whole = whole && other.integer.has_value();
        if (function == Function::kMin ? other.number < best.number : other.number > best.number) best = other;
        if (std::isnan(other.number)) return other;
      }
      if (!whole) best.integer.reset();
      return best;
    }
    case Function::kRound:
      return first.integer ? first : Rounded(std::round(first.number));
    case Function::kFloor:
      return first.integer ? first : Rounded(std::floor(first.number));
    case Function::kCeil:
      return first.integer ? first : Rounded(std::ceil(first.number));
    case Function::kSqrt:
      return {std::sqrt(first.number), std::nullopt};
    case Function::kLog:
      return {std::log(first.number), std::nullopt};
    case Function::kLog2:
      return {std::log2(first.number), std::nullopt};
    case Function::kLog10:
      return {std::log10(first.number), std::nullopt};
    case Function::kExp:
      return {std::exp(first.number), std::nullopt};
    case Function::kAbs:
      return first.number < 0 ? Apply('-', Whole(0), first) : first;
  }
  return first;
}

}  // namespace lorasweep::search
