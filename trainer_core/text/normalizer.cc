#include "trainer_core/text/normalizer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/pattern.h"
#include "trainer_core/text/unicode.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

AlignedText Prepend(const AlignedText& text, const std::string& prefix) {
  if (text.text().empty()) return text;
  AlignedText out(text.tracked());
  out.Reserve(prefix.size() + text.text().size());
  out.Append(prefix, text.SourceAt(0));
  out.AppendPart(text, {0, text.text().size()});
  return out;
}

AlignedText Lowercase(const AlignedText& text) {
  AlignedText out(text.tracked());
  out.Reserve(text.text().size());
  std::string bytes;
  std::size_t at = 0;
  while (at < text.text().size()) {
    const Span source = text.SourceAt(at);
    bytes.clear();
    AppendLowercase(NextCodePoint(text.text(), at), bytes);
    out.Append(bytes, source);
  }
  return out;
}

AlignedText Strip(const AlignedText& text, bool left, bool right) {
  const std::string& all = text.text();
  std::size_t first = all.size();  // first character that is no white space
  std::size_t last = 0;            // end of the last such
  std::size_t at = 0;
  while (at < all.size()) {
    const std::size_t begin = at;
    if (IsWhitespace(NextCodePoint(all, at))) continue;
    first = std::min(first, begin);
    last = at;
  }
  const std::size_t begin = left ? first : 0;
  const std::size_t end = right ? std::max(last, begin) : all.size();
  return text.Slice({begin, std::max(begin, end)});
}

absl::StatusOr<Normalizer> MakeSequence(const Json& json, const std::string& where) {
  const Json* list = FindField(json, "normalizers");
  if (list == nullptr || !list->is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"normalizers\" must be a list"));
  }
  std::vector<Normalizer> steps;
  for (const Json& item : *list) {
    absl::StatusOr<Normalizer> step = MakeNormalizer(item, absl::StrCat(where, "[", steps.size(), "]"));
    if (!step.ok()) return step.status();
    steps.push_back(*std::move(step));
  }
  return Normalizer([steps = std::move(steps)](AlignedText text) {
    for (const Normalizer& step : steps) text = step(std::move(text));
    return text;
  });
}

absl::StatusOr<Normalizer> MakeReplace(const Json& json, const std::string& where) {
  absl::StatusOr<Regex> pattern = MakePattern(json, where);
  if (!pattern.ok()) return pattern.status();
  absl::StatusOr<std::string> content = StringField(json, "content", std::nullopt, where);
  if (!content.ok()) return content.status();
  return Normalizer([pattern = *pattern, content = *content](const AlignedText& text) {
    return ReplaceMatches(text, pattern, content);
  });
}

absl::StatusOr<Normalizer> MakeStrip(const Json& json, const std::string& where) {
  absl::StatusOr<bool> left = BoolField(json, "strip_left", std::nullopt, where);
  if (!left.ok()) return left.status();
  absl::StatusOr<bool> right = BoolField(json, "strip_right", std::nullopt, where);
  if (!right.ok()) return right.status();
  return Normalizer([left = *left, right = *right](const AlignedText& text) { return Strip(text, left, right); });
}

Normalizer MakeForm(NormalForm form) {
  return [form](const AlignedText& text) { return Normalize(text, form); };
}

}  // namespace

absl::StatusOr<Normalizer> MakeNormalizer(const Json& json, const std::string& where) {
  if (json.is_null()) {
    return Normalizer([](AlignedText text) { return text; });
  }
  absl::StatusOr<std::string> type = StringField(json, "type", std::nullopt, where);
  if (!type.ok()) return type.status();
  if (*type == "Sequence") return MakeSequence(json, where);
  if (*type == "Replace") return MakeReplace(json, where);
  if (*type == "Strip") return MakeStrip(json, where);
  if (*type == "Prepend") {
    absl::StatusOr<std::string> prefix = StringField(json, "prepend", std::nullopt, where);
    if (!prefix.ok()) return prefix.status();
    return Normalizer([prefix = *prefix](const AlignedText& text) { return Prepend(text, prefix); });
  }
  if (*type == "Lowercase") return Normalizer(Lowercase);
  if (*type == "NFC") return MakeForm(NormalForm::kNfc);
  if (*type == "NFD") return MakeForm(NormalForm::kNfd);
  if (*type == "NFKC") return MakeForm(NormalForm::kNfkc);
  if (*type == "NFKD") return MakeForm(NormalForm::kNfkd);
  return absl::UnimplementedError(absl::StrCat(
      where, ": type \"", *type,
      "\" is not supported; supported are Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip"));
}

}  // namespace lorasweep::text
