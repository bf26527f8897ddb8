#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// The pattern in PCRE2's syntax that matches what `pattern` matches in Oniguruma's Ruby syntax, in which tokenizer.json
// files are written. The two differ in: \s (PCRE2 adds U+180E), \w (PCRE2 leaves out marks), \h (a hexadecimal digit),
// (?m) (PCRE2's (?s)), and x{n,m}+ (repeated, not possessive). Compile with UTF, UCP and MULTILINE.
// Unimplemented for what has no counterpart: set operations and nested sets in [...].
absl::StatusOr<std::string> TranslateRegex(std::string_view pattern);

}  // namespace lorasweep::text
