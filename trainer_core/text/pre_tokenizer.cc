#include "trainer_core/text/pre_tokenizer.h"

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/byte_level.h"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/metaspace.h"
#include "trainer_core/text/pattern.h"
#include "trainer_core/text/split.h"
#include "trainer_core/text/unicode.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

std::string_view PieceText(const Pieces& pieces, Span span) {
  return std::string_view(pieces.text.text()).substr(span.begin, span.size());
}

void SplitByRegex(Pieces& pieces, const Regex& regex, SplitBehavior behavior, bool invert) {
  RegexMatcher matcher(regex);
  std::vector<Span> matches;
  std::vector<Span> parts;
  for (const Span piece : pieces.spans) {
    matcher.FindAll(PieceText(pieces, piece), matches);
    SplitAt(matches, piece.size(), behavior, invert, piece.begin, parts);
  }
  pieces.spans = std::move(parts);
}

// Every character with the property is a delimiter.
template <typename IsDelimiter>
PreTokenizer SplitByCharacter(IsDelimiter is_delimiter, SplitBehavior behavior) {
  return [is_delimiter, behavior](Pieces& pieces) {
    std::vector<Span> matches;
    std::vector<Span> parts;
    for (const Span piece : pieces.spans) {
      const std::string_view text = PieceText(pieces, piece);
      matches.clear();
      std::size_t at = 0;
      while (at < text.size()) {
        const std::size_t begin = at;
        if (is_delimiter(NextCodePoint(text, at))) matches.push_back({begin, at});
      }
      SplitAt(matches, text.size(), behavior, /*invert=*/false, piece.begin, parts);
    }
    pieces.spans = std::move(parts);
  };
}

// Runs of word characters and runs of other visible ones: \w+|[^\w\s]+
void SplitWords(Pieces& pieces) {
  enum class Kind { kSpace, kWord, kOther };
  std::vector<Span> parts;
  for (const Span piece : pieces.spans) {
    const std::string_view text = PieceText(pieces, piece);
    Kind previous = Kind::kSpace;
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t begin = at;
      const char32_t c = NextCodePoint(text, at);
      const Kind kind = IsWhitespace(c) ? Kind::kSpace : IsWord(c) ? Kind::kWord : Kind::kOther;
      if (kind != Kind::kSpace && kind == previous) {
        parts.back().end = piece.begin + at;
      } else if (kind != Kind::kSpace) {
        parts.push_back({piece.begin + begin, piece.begin + at});
      }
      previous = kind;
    }
  }
  pieces.spans = std::move(parts);
}

void AddPrefixSpace(Pieces& pieces) {
  AlignedText out(pieces.text.tracked());
  for (Span& piece : pieces.spans) {
    const std::size_t begin = out.text().size();
    if (!PieceText(pieces, piece).starts_with(' ')) out.Append(" ", pieces.text.SourceAt(piece.begin));
    out.AppendPart(pieces.text, piece);
    piece = {begin, out.text().size()};
  }
  pieces.text = std::move(out);
}

void SpellBytes(Pieces& pieces) {
  AlignedText out(pieces.text.tracked());
  out.Reserve(pieces.text.text().size() * 5 / 4);
  for (Span& piece : pieces.spans) {
    const std::size_t begin = out.text().size();
    for (std::size_t i = piece.begin; i < piece.end; ++i) {
      out.Append(ByteLevelCharacter(static_cast<std::uint8_t>(pieces.text.text()[i])), pieces.text.SourceAt(i));
    }
    piece = {begin, out.text().size()};
  }
  pieces.text = std::move(out);
}

absl::StatusOr<PreTokenizer> MakeByteLevel(const Json& json, const std::string& where) {
  absl::StatusOr<bool> add_prefix_space = BoolField(json, "add_prefix_space", std::nullopt, where);
  if (!add_prefix_space.ok()) return add_prefix_space.status();
  absl::StatusOr<bool> use_regex = BoolField(json, "use_regex", true, where);
  if (!use_regex.ok()) return use_regex.status();
  absl::StatusOr<Regex> regex = Regex::Compile(kByteLevelRegex);
  if (!regex.ok()) return regex.status();
  return PreTokenizer([add_space = *add_prefix_space, use_regex = *use_regex, regex = *regex](Pieces& pieces) {
    if (add_space) AddPrefixSpace(pieces);
    if (use_regex) SplitByRegex(pieces, regex, SplitBehavior::kIsolated, /*invert=*/false);
    SpellBytes(pieces);
  });
}

absl::StatusOr<PreTokenizer> MakeDigits(const Json& json, const std::string& where) {
  absl::StatusOr<bool> individual = BoolField(json, "individual_digits", std::nullopt, where);
  if (!individual.ok()) return individual.status();
  return SplitByCharacter(IsNumeric, *individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
}

absl::StatusOr<PreTokenizer> MakeSplit(const Json& json, const std::string& where) {
  absl::StatusOr<Regex> pattern = MakePattern(json, where);
  if (!pattern.ok()) return pattern.status();
  absl::StatusOr<bool> invert = BoolField(json, "invert", std::nullopt, where);
  if (!invert.ok()) return invert.status();
  absl::StatusOr<SplitBehavior> behavior = MakeBehavior(json, "", where);
  if (!behavior.ok()) return behavior.status();
  return PreTokenizer([pattern = *pattern, behavior = *behavior, invert = *invert](Pieces& pieces) {
    SplitByRegex(pieces, pattern, behavior, invert);
  });
}

void ApplyMetaspace(const Metaspace& metaspace, const Regex& replacement, Pieces& pieces) {
  AlignedText out(pieces.text.tracked());
  for (Span& piece : pieces.spans) {
    const std::size_t begin = out.text().size();
    const std::string_view text = PieceText(pieces, piece);
    const bool at_start = pieces.starts_input && piece.begin == 0;
    const bool prepends = metaspace.prepend == Metaspace::Prepend::kAlways ||
                          (metaspace.prepend == Metaspace::Prepend::kFirst && at_start);
    if (prepends && !text.starts_with(' ') && !text.starts_with(metaspace.replacement)) {
      out.Append(metaspace.replacement, pieces.text.SourceAt(piece.begin));
    }
    for (std::size_t i = piece.begin; i < piece.end; ++i) {
      if (pieces.text.text()[i] == ' ') {
        out.Append(metaspace.replacement, pieces.text.SourceAt(i));
      } else {
        out.AppendPart(pieces.text, {i, i + 1});
      }
    }
    piece = {begin, out.text().size()};
  }
  pieces.text = std::move(out);
  if (metaspace.split) SplitByRegex(pieces, replacement, SplitBehavior::kMergedWithNext, /*invert=*/false);
}

absl::StatusOr<PreTokenizer> MakeMetaspacePreTokenizer(const Json& json, const std::string& where) {
  absl::StatusOr<Metaspace> metaspace = MakeMetaspace(json, where);
  if (!metaspace.ok()) return metaspace.status();
  absl::StatusOr<Regex> replacement = Regex::Literal(metaspace->replacement);
  if (!replacement.ok()) return replacement.status();
  return PreTokenizer([metaspace = *metaspace, replacement = *replacement](Pieces& pieces) {
    ApplyMetaspace(metaspace, replacement, pieces);
  });
}

absl::StatusOr<PreTokenizer> MakeSequence(const Json& json, const std::string& where) {
  const Json* list = FindField(json, "pretokenizers");
  if (list == nullptr || !list->is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"pretokenizers\" must be a list"));
  }
  std::vector<PreTokenizer> steps;
  for (const Json& item : *list) {
    absl::StatusOr<PreTokenizer> step = MakePreTokenizer(item, absl::StrCat(where, "[", steps.size(), "]"));
    if (!step.ok()) return step.status();
    steps.push_back(*std::move(step));
  }
  return PreTokenizer([steps = std::move(steps)](Pieces& pieces) {
    for (const PreTokenizer& step : steps) step(pieces);
  });
}

}  // namespace

absl::StatusOr<PreTokenizer> MakePreTokenizer(const Json& json, const std::string& where) {
  if (json.is_null()) {
    return PreTokenizer([](Pieces&) {});
  }
  absl::StatusOr<std::string> type = StringField(json, "type", std::nullopt, where);
  if (!type.ok()) return type.status();
  if (*type == "Sequence") return MakeSequence(json, where);
  if (*type == "ByteLevel") return MakeByteLevel(json, where);
  if (*type == "Digits") return MakeDigits(json, where);
  if (*type == "Split") return MakeSplit(json, where);
  if (*type == "Metaspace") return MakeMetaspacePreTokenizer(json, where);
  if (*type == "Whitespace") return PreTokenizer(SplitWords);
  if (*type == "WhitespaceSplit") return SplitByCharacter(IsWhitespace, SplitBehavior::kRemoved);
  if (*type == "Punctuation") {
    absl::StatusOr<SplitBehavior> behavior = MakeBehavior(json, "Isolated", where);
    if (!behavior.ok()) return behavior.status();
    return SplitByCharacter(IsPunctuation, *behavior);
  }
  return absl::UnimplementedError(absl::StrCat(where, ": type \"", *type,
                                               "\" is not supported; supported are Sequence, ByteLevel, Digits, Split, "
                                               "Metaspace, Whitespace, WhitespaceSplit, Punctuation"));
}

}  // namespace lorasweep::text
