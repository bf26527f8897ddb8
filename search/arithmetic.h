#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// The arithmetic of Expression: numbers that stay integers as long as the operations keep them whole.
namespace lorasweep::search {

// `integer` is set where the number is whole by construction, and then number equals it.
struct Number {
  double number = 0;
  std::optional<std::int64_t> integer;
};

inline Number Whole(std::int64_t integer) {
  return {static_cast<double>(integer), integer};
}

// operation: one of + - * / ^. Integers that overflow become plain numbers; division by zero is infinite or NaN.
Number Apply(char operation, const Number& a, const Number& b);

enum class Function { kMin, kMax, kRound, kFloor, kCeil, kSqrt, kLog, kLog2, kLog10, kExp, kAbs };

std::optional<Function> FindFunction(std::string_view name);
std::vector<std::string_view> FunctionNames();
// min and max take two arguments or more, the others one.
bool TakesSeveral(Function function);
// At least one argument. round goes away from zero at a half.
Number Call(Function function, const std::vector<Number>& arguments);

}  // namespace lorasweep::search
