#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>

namespace lorasweep::search {

// One value of a parameter, as written in the sweep file: `4` is an integer, `4.0` a number, `true` a flag.
using Value = std::variant<bool, std::int64_t, double, std::string>;

// A point of the search space: parameter name -> value. Ordered, so that every walk over it is the same everywhere.
using Params = std::map<std::string, Value>;

// The shortest text that reads back as the same value: "0.0003", "16", "linear".
std::string ToString(const Value& value);

// "lora_rank=16 learning_rate=0.0003"
std::string ToString(const Params& params);

// True for integers and numbers; `number` then holds it.
bool AsNumber(const Value& value, double* number);

}  // namespace lorasweep::search
