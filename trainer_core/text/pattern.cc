#include "trainer_core/text/pattern.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {

absl::StatusOr<Regex> MakePattern(const Json& component, const std::string& where) {
  const Json* pattern = FindField(component, "pattern");
  if (pattern == nullptr) return absl::InvalidArgumentError(absl::StrCat(where, ": \"pattern\" is missing"));
  const Json* literal = FindField(*pattern, "String");
  const Json* regex = FindField(*pattern, "Regex");
  if (literal != nullptr && literal->is_string()) return Regex::Literal(literal->get_ref<const std::string&>());
  if (regex == nullptr || !regex->is_string()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"pattern\" is ", ShowJson(*pattern),
                                                   ", expected {\"String\": text} or {\"Regex\": expression}"));
  }
  absl::StatusOr<Regex> compiled = Regex::Compile(regex->get_ref<const std::string&>());
  if (compiled.ok()) return compiled;
  return absl::Status(compiled.status().code(), absl::StrCat(where, ": ", std::string{compiled.status().message()}));
}

AlignedText ReplaceMatches(const AlignedText& text, const Regex& pattern, const std::string& content) {
  RegexMatcher matcher(pattern);
  std::vector<Span> matches;
  matcher.FindAll(text.text(), matches);
  if (matches.empty()) return text;
  AlignedText out(text.tracked());
  out.Reserve(text.text().size());
  std::size_t done = 0;
  for (const Span match : matches) {
    out.AppendPart(text, {done, match.begin});
    out.Append(content, text.Source(match));
    done = match.end;
  }
  out.AppendPart(text, {done, text.text().size()});
  return out;
}

}  // namespace lorasweep::text
