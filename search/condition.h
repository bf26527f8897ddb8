#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "search/value.h"

namespace lorasweep::search {

// When a parameter is in use: comparisons with other parameters' values, all of which must hold.
//
//   "optimizer == sgd"      "schedule in [cosine, wsd]"      "lora_rank >= 16 and use_dora != true"
//
// Operators: == != in, and < <= > >= for numbers. Values are numbers, true, false, or words; quotes ('…' or "…") allow
// any text. At most 1000 characters. Immutable. The empty condition always holds.
class Condition {
 public:
  enum class Operator { kEqual, kUnequal, kIn, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  struct Comparison {
    std::string parameter;
    Operator operation = Operator::kEqual;
    std::vector<Value> values;  // one, but for kIn
  };

  Condition() = default;
  // InvalidArgument gives the column and what was expected there.
  static absl::StatusOr<Condition> Parse(std::string_view text);

  // Do the values in `params` fulfil it? Not where a parameter that it reads is missing: what depends on a parameter
  // that is not in use is not in use either.
  bool Holds(const Params& params) const;

  bool always() const { return comparisons_.empty(); }
  const std::vector<Comparison>& comparisons() const { return comparisons_; }
  // As it was written.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<Comparison> comparisons_;
};

}  // namespace lorasweep::search
