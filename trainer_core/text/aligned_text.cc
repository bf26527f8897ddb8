#include "trainer_core/text/aligned_text.h"

#include <algorithm>

#include "trainer_core/text/utf8.h"

namespace lorasweep::text {

AlignedText AlignedText::FromInput(std::string_view input, bool tracked) {
  AlignedText out(tracked);
  if (!tracked) {
    out.text_ = ReplaceBrokenUtf8(input);
    return out;
  }
  out.Reserve(input.size());
  std::size_t at = 0;
  while (at < input.size()) {
    const Utf8Step step = StepUtf8(input, at);
    out.Append(step.valid ? input.substr(at, step.length) : kReplacementCharacter, {at, at + step.length});
    at += step.length;
  }
  return out;
}

void AlignedText::Reserve(std::size_t bytes) {
  text_.reserve(bytes);
  if (tracked_) sources_.reserve(bytes);
}

void AlignedText::Append(std::string_view bytes, Span source) {
  text_ += bytes;
  if (tracked_) sources_.insert(sources_.end(), bytes.size(), source);
}

void AlignedText::AppendPart(const AlignedText& other, Span part) {
  text_.append(other.text_, part.begin, part.size());
  if (tracked_) {
    const auto first = other.sources_.begin();
    sources_.insert(sources_.end(), first + static_cast<std::ptrdiff_t>(part.begin),
                    first + static_cast<std::ptrdiff_t>(part.end));
  }
}

AlignedText AlignedText::Slice(Span part) const {
  AlignedText out(tracked_);
  out.AppendPart(*this, part);
  return out;
}

Span AlignedText::Source(Span part) const {
  if (!tracked_) return {};
  if (part.begin >= part.end) return SourceAt(part.begin);
  Span hull = sources_[part.begin];
  for (std::size_t i = part.begin + 1; i < part.end; ++i) {
    hull.begin = std::min(hull.begin, sources_[i].begin);
    hull.end = std::max(hull.end, sources_[i].end);
  }
  return hull;
}

Span AlignedText::SourceAt(std::size_t at) const {
  if (!tracked_ || sources_.empty()) return {};
  if (at < sources_.size()) return sources_[at];
  return {sources_.back().end, sources_.back().end};
}

}  // namespace lorasweep::text
