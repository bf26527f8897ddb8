#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/aligned_text.h"

namespace lorasweep::text {

// A regular expression of a tokenizer.json (Oniguruma's syntax). The only door to PCRE2. Immutable; copies share the
// compiled program.
class Regex {
 public:
  // InvalidArgument for a malformed pattern, Unimplemented for what TranslateRegex refuses.
  static absl::StatusOr<Regex> Compile(std::string_view pattern);
  // Matches `text` as it stands.
  static absl::StatusOr<Regex> Literal(std::string_view text);
  // How many capturing groups it has.
  std::uint32_t groups() const;

 private:
  friend class RegexMatcher;
  struct Program;
  static absl::StatusOr<Regex> CompilePcre2(const std::string& pattern, std::string_view shown);
  explicit Regex(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

  std::shared_ptr<const Program> program_;
};

// What one thread needs to match with a regex; made once for many texts.
class RegexMatcher {
 public:
  explicit RegexMatcher(Regex regex);
  ~RegexMatcher();
  RegexMatcher(const RegexMatcher&) = delete;
  RegexMatcher& operator=(const RegexMatcher&) = delete;

  // All matches from left to right that do not overlap, put into `matches`. An empty match right behind the match
  // before is left out. Requires valid UTF-8. A text on which the engine gives up is unmatched from there on.
  void FindAll(std::string_view text, std::vector<Span>& matches);
  // What the capturing group 1 holds of the last of all matches; nothing where no match has one.
  std::optional<Span> FindLastGroup(std::string_view text);

 private:
  struct Scratch;

  // Calls take(offsets, set) for each match: where it and its groups begin and end, and how many pairs are set.
  template <typename Take>
  void Match(std::string_view text, const Take& take);

  Regex regex_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace lorasweep::text
