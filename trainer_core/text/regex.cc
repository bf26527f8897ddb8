#include "trainer_core/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/regex_syntax.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

// A backtracking run of a million characters fits; the memory is taken only when needed.
constexpr std::size_t kJitStackStart = 32 * 1024;
constexpr std::size_t kJitStackMost = 256 * 1024 * 1024;

// PCRE2's default of ten million is too few for texts of megabytes. An expression that backtracks without end is given
// up after seconds.
constexpr std::uint32_t kMostSteps = 500'000'000;

std::string ErrorText(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

}  // namespace

struct Regex::Program {
  explicit Program(pcre2_code* program) : code(program) {}
  ~Program() { pcre2_code_free(code); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pcre2_code* code;
};

absl::StatusOr<Regex> Regex::CompilePcre2(const std::string& pattern, std::string_view shown) {
  const std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE;
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  if (context == nullptr) return absl::ResourceExhaustedError("no memory to compile a regular expression");
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options, &error, &offset, context);
  pcre2_compile_context_free(context);
  if (code == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("regular expression \"", std::string{shown}, "\" is malformed: ",
                                                   ErrorText(error), " (at byte ", offset, " of \"", pattern, "\")"));
  }
  // Without JIT (an architecture that has none) matching is slower and otherwise the same.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return Regex(std::make_shared<const Program>(code));
}

absl::StatusOr<Regex> Regex::Compile(std::string_view pattern) {
  absl::StatusOr<std::string> translated = TranslateRegex(pattern);
  if (!translated.ok()) return translated.status();
  return CompilePcre2(*translated, pattern);
}

absl::StatusOr<Regex> Regex::Literal(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    const bool plain = static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') ||
                       ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
    if (plain) {
      pattern += c;
    } else {
      pattern += absl::StrCat("\\x{", absl::Hex(static_cast<unsigned char>(c)), "}");
    }
  }
  return CompilePcre2(pattern, text);
}

std::uint32_t Regex::groups() const {
  std::uint32_t count = 0;
  pcre2_pattern_info(program_->code, PCRE2_INFO_CAPTURECOUNT, &count);
  return count;
}

struct RegexMatcher::Scratch {
  explicit Scratch(const pcre2_code* code)
      : data(pcre2_match_data_create_from_pattern(code, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(kJitStackStart, kJitStackMost, nullptr)) {
    if (context != nullptr) {
      if (stack != nullptr) pcre2_jit_stack_assign(context, nullptr, stack);
      pcre2_set_match_limit(context, kMostSteps);
    }
  }
  ~Scratch() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  pcre2_match_data* data;
  pcre2_match_context* context;
  pcre2_jit_stack* stack;
};

RegexMatcher::RegexMatcher(Regex regex)
    : regex_(std::move(regex)), scratch_(std::make_unique<Scratch>(regex_.program_->code)) {}

RegexMatcher::~RegexMatcher() = default;

template <typename Take>
void RegexMatcher::Match(std::string_view text, const Take& take) {
  if (scratch_->data == nullptr) return;
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  std::size_t at = 0;
  std::size_t last_end = std::string_view::npos;
  while (at <= text.size()) {
    // The caller's promise of valid UTF-8 saves a check of the whole text for each match.
    const int found = pcre2_match(regex_.program_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, scratch_->data,
                                  scratch_->context);
    if (found < 0) return;
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(scratch_->data);
    const Span match{ends[0], ends[1]};
    if (match.begin >= match.end) {
      if (match.begin != last_end) take(ends, found);
      last_end = match.begin;
      if (match.begin >= text.size()) return;
      at = match.begin;
      NextCodePoint(text, at);
      continue;
    }
    take(ends, found);
    at = last_end = match.end;
  }
}

void RegexMatcher::FindAll(std::string_view text, std::vector<Span>& matches) {
  matches.clear();
  Match(text, [&](const std::size_t* ends, int) { matches.push_back({ends[0], std::max(ends[0], ends[1])}); });
}

std::optional<Span> RegexMatcher::FindLastGroup(std::string_view text) {
  std::optional<Span> last;
  Match(text, [&](const std::size_t* ends, int set) {
    if (set > 1 && ends[2] != PCRE2_UNSET) last = Span{ends[2], ends[3]};
  });
  return last;
}

}  // namespace lorasweep::text
