#include "trainer_core/text/regex_syntax.h"

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::text {
namespace {

constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

// Walks over a pattern once. Knows where in its output the last atom (what a quantifier applies to) begins.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  absl::StatusOr<std::string> Run() {
    while (at_ < in_.size()) {
      absl::Status status = absl::OkStatus();
      switch (in_[at_]) {
        case '\\':
          status = Escape();
          break;
        case '[':
          status = Set();
          break;
        case '(':
          Group();
          break;
        case ')':
          CloseGroup();
          break;
        case '{':
          Braces();
          break;
        default:
          Plain();
      }
      if (!status.ok()) return status;
    }
    return out_;
  }

 private:
  absl::Status Unsupported(std::string_view what) const {
    return absl::UnimplementedError(absl::StrCat("regular expression \"", std::string{in_}, "\": ", std::string{what},
                                                 " at byte ", at_, " is not supported"));
  }

  void Plain() {
    const char c = in_[at_++];
    if (c != '*' && c != '+' && c != '?') atom_ = out_.size();
    out_ += c;
  }

  absl::Status Escape() {
    if (at_ + 1 >= in_.size()) return Unsupported("a single \\");
    atom_ = out_.size();
    const char c = in_[at_ + 1];
    if (c == 's' || c == 'S' || c == 'w' || c == 'W' || c == 'h' || c == 'H') {
      const bool negated = c < 'a';
      out_ += absl::StrCat(negated ? "[^" : "[", std::string{Members(c)}, "]");
      at_ += 2;
      return absl::OkStatus();
    }
    CopyEscape();
    return absl::OkStatus();
  }

  static std::string_view Members(char shorthand) {
    switch (shorthand | 0x20) {
      case 's':
        return "\\p{White_Space}";
      case 'w':
        return kWord;
      default:
        return "0-9a-fA-F";
    }
  }

  // An escape and its argument (\p{L}, \x{20}), as it is.
  void CopyEscape() {
    const char c = in_[at_ + 1];
    out_ += in_.substr(at_, 2);
    at_ += 2;
    const bool takes_braces = c == 'p' || c == 'P' || c == 'x';
    if (!takes_braces || at_ >= in_.size() || in_[at_] != '{') return;
    const std::size_t close = in_.find('}', at_);
    const std::size_t end = close == std::string_view::npos ? in_.size() : close + 1;
    out_ += in_.substr(at_, end - at_);
    at_ = end;
  }

  absl::Status Set() {
    atom_ = out_.size();
    out_ += in_[at_++];
    if (at_ < in_.size() && in_[at_] == '^') out_ += in_[at_++];
    bool first = true;
    while (at_ < in_.size() && (in_[at_] != ']' || first)) {
      if (absl::Status status = SetMember(); !status.ok()) return status;
      first = false;
    }
    if (at_ < in_.size()) out_ += in_[at_++];  // PCRE2 reports a set that is not closed
    return absl::OkStatus();
  }

  absl::Status SetMember() {
    const std::string_view rest = in_.substr(at_);
    if (rest.starts_with("&&")) return Unsupported("the set operation &&");
    if (rest.starts_with("[:")) {
      const std::size_t close = rest.find(":]");
      if (close == std::string_view::npos) return Unsupported("a set within a set");
      out_ += rest.substr(0, close + 2);
      at_ += close + 2;
      return absl::OkStatus();
    }
    if (rest[0] == '[') return Unsupported("a set within a set");
    if (rest[0] != '\\' || rest.size() < 2) {
      out_ += in_[at_++];
      return absl::OkStatus();
    }
    switch (rest[1]) {
      case 's':
      case 'w':
      case 'h':
        out_ += Members(rest[1]);
        at_ += 2;
        return absl::OkStatus();
      case 'S':
        out_ += "\\P{White_Space}";
        at_ += 2;
        return absl::OkStatus();
      case 'W':
      case 'H':
        return Unsupported(absl::StrCat(std::string{rest.substr(0, 2)}, " within a set"));
      default:
        CopyEscape();
        return absl::OkStatus();
    }
  }

  // "(", and of a group with options "(?im-x" with the letters changed.
  void Group() {
    groups_.push_back(out_.size());
    out_ += in_[at_++];
    atom_ = out_.size();
    if (at_ >= in_.size() || in_[at_] != '?') return;
    out_ += in_[at_++];
    while (at_ < in_.size() && (in_[at_] == 'i' || in_[at_] == 'm' || in_[at_] == 'x' || in_[at_] == '-')) {
      out_ += in_[at_] == 'm' ? 's' : in_[at_];
      ++at_;
    }
    // The rest of "(?:", "(?!", "(?<=" is no quantifier.
    while (at_ < in_.size() &&
           (in_[at_] == ':' || in_[at_] == '=' || in_[at_] == '!' || in_[at_] == '<' || in_[at_] == '>')) {
      const char c = in_[at_++];
      out_ += c;
      if (c != '<') break;
    }
    atom_ = out_.size();
  }

  void CloseGroup() {
    if (!groups_.empty()) {
      atom_ = groups_.back();
      groups_.pop_back();
    }
    out_ += in_[at_++];
  }

  // "{n,m}+" repeats what "{n,m}" matches.
  void Braces() {
    std::size_t end = at_ + 1;
    while (end < in_.size() && ((in_[end] >= '0' && in_[end] <= '9') || in_[end] == ',')) ++end;
    const bool is_quantifier = end < in_.size() && in_[end] == '}' && end > at_ + 1;
    if (!is_quantifier) {
      Plain();
      return;
    }
    out_ += in_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    if (at_ < in_.size() && in_[at_] == '+') {
      out_.insert(atom_, "(?:");
      out_ += ")+";
      ++at_;
    }
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_ = 0;
  std::vector<std::size_t> groups_;  // where in the output the open groups begin
};

}  // namespace

absl::StatusOr<std::string> TranslateRegex(std::string_view pattern) {
  return Translator(pattern).Run();
}

}  // namespace lorasweep::text
