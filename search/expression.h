#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "search/value.h"

namespace lorasweep::search {

// An arithmetic expression over parameters: "2 * lora_rank", "round(16 / sqrt(lora_rank))".
//
// Grammar: + - * / ^ (right-associative, binds tighter than a unary minus before it: -x^2 is -(x^2)), parentheses,
// numbers, parameter names, and the functions min max (two or more arguments) round floor ceil sqrt log log2 log10 exp
// abs. Immutable and cheap to copy. At most 1000 characters and 100 levels deep.
class Expression {
 public:
  // InvalidArgument gives the column and what was expected there.
  static absl::StatusOr<Expression> Parse(std::string_view text);

  // An integer when every input is one and the operations keep it whole (2 * 16), or when round, floor or ceil made it
  // one; else a number.
  // InvalidArgument: a name is missing or not numeric, or the result is not finite.
  absl::StatusOr<Value> Evaluate(const Params& params) const;

  const std::string& text() const { return text_; }
  // Names it reads, each once, sorted.
  const std::vector<std::string>& names() const { return names_; }

 private:
  struct Node;
  std::string text_;
  std::vector<std::string> names_;
  std::shared_ptr<const Node> root_;  // shared: copies of an immutable tree
};

}  // namespace lorasweep::search
