#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lorasweep::text {

// A range [begin, end) of bytes.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
  friend bool operator==(const Span&, const Span&) = default;
};

// A text on its way through normalisers, always valid UTF-8. When tracked it knows, for each of its bytes, which
// characters of the input the byte came from; untracked it costs no more than a string.
class AlignedText {
 public:
  explicit AlignedText(bool tracked) : tracked_(tracked) {}

  // `input` with broken UTF-8 replaced by U+FFFD.
  static AlignedText FromInput(std::string_view input, bool tracked);

  const std::string& text() const { return text_; }
  bool tracked() const { return tracked_; }

  void Reserve(std::size_t bytes);
  // Adds bytes that all come from `source`.
  void Append(std::string_view bytes, Span source);
  // Adds a part of another text, with its origin.
  void AppendPart(const AlignedText& other, Span part);
  AlignedText Slice(Span part) const;

  // The smallest range of the input that holds everything that `part` came from. Empty ranges when untracked.
  Span Source(Span part) const;
  // The same of the character that begins at `at`, or an empty range behind the last one.
  Span SourceAt(std::size_t at) const;

 private:
  bool tracked_;
  std::string text_;
  std::vector<Span> sources_;  // one a byte, when tracked
};

}  // namespace lorasweep::text
