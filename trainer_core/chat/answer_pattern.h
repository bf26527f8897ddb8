#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "trainer_core/text/regex.h"

namespace lorasweep::chat {

// Finds the answer in a worked solution, and tells whether two answers are the same.
//
//   auto pattern = AnswerPattern::Parse("x = N");
//   auto answer = pattern->Find("Step 2: divide by 3. Answer: x = -5");   // "-5"
class AnswerPattern {
 public:
  // Either a text with the word N where a number stands ("#### N", "x = N", "\boxed{N}"; spaces may be there or not; no
  // letter or digit right before it), or
  // a regular expression with one group, which is the answer ("Answer: (.*)"). InvalidArgument says what is wrong.
  static absl::StatusOr<AnswerPattern> Parse(const std::string& text);

  // The last one in the text; nothing where there is none.
  std::optional<std::string> Find(std::string_view text) const;

 private:
  explicit AnswerPattern(text::Regex regex) : regex_(std::move(regex)) {}

  text::Regex regex_;
};

// Equal numbers ("1,200" and "1200.0"; "$" and "%" and a final "." do not count), else equal texts but for case and for
// white space around them.
bool SameAnswer(const std::string& a, const std::string& b);

}  // namespace lorasweep::chat
