#include "trainer_core/text/decoder.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/byte_level.h"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/metaspace.h"
#include "trainer_core/text/pattern.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

using Parts = std::vector<std::string>;

Parts Fuse(const Parts& tokens) {
  return {absl::StrJoin(tokens, "")};
}

// A token as bytes; nothing when it has a character outside the alphabet (an added token).
std::optional<std::string> BytesOf(const std::string& token) {
  std::string bytes;
  std::size_t at = 0;
  while (at < token.size()) {
    const std::optional<std::uint8_t> byte = ByteLevelByte(NextCodePoint(token, at));
    if (!byte) return std::nullopt;
    bytes += static_cast<char>(*byte);
  }
  return bytes;
}

Parts DecodeByteLevel(const Parts& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += BytesOf(token).value_or(token);
  return {ReplaceBrokenUtf8(bytes)};
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') return (c | 0x20) - 'a' + 10;
  return -1;
}

// The byte that "<0x0A>" stands for.
std::optional<char> FallbackByte(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const int high = HexDigit(token[3]);
  const int low = HexDigit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

// Runs of byte tokens become the text that they spell, or as many U+FFFD as there are bytes when they spell none.
Parts DecodeByteFallback(const Parts& tokens) {
  Parts out;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (IsUtf8(bytes)) {
      out.push_back(bytes);
    } else {
      out.insert(out.end(), bytes.size(), std::string(kReplacementCharacter));
    }
    bytes.clear();
  };
  for (const std::string& token : tokens) {
    if (const std::optional<char> byte = FallbackByte(token)) {
      bytes += *byte;
      continue;
    }
    flush();
    out.push_back(token);
  }
  flush();
  return out;
}

// Takes up to `start` times `content` (one character) off the front of each token and `stop` times off the end.
Parts Strip(Parts tokens, std::string_view content, std::int64_t start, std::int64_t stop) {
  for (std::string& token : tokens) {
    std::string_view rest = token;
    for (std::int64_t i = 0; i < start && rest.starts_with(content); ++i) rest.remove_prefix(content.size());
    for (std::int64_t i = 0; i < stop && rest.ends_with(content); ++i) rest.remove_suffix(content.size());
    token = std::string(rest);
  }
  return tokens;
}

Parts DecodeMetaspace(Parts tokens, const Metaspace& metaspace) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const bool drops = i == 0 && metaspace.prepend != Metaspace::Prepend::kNever;
    std::string text;
    std::string_view rest = tokens[i];
    while (!rest.empty()) {
      if (rest.starts_with(metaspace.replacement)) {
        if (!drops) text += ' ';
        rest.remove_prefix(metaspace.replacement.size());
      } else {
        text += rest.front();
        rest.remove_prefix(1);
      }
    }
    tokens[i] = std::move(text);
  }
  return tokens;
}

absl::StatusOr<Decoder> MakeReplace(const Json& json, const std::string& where) {
  absl::StatusOr<Regex> pattern = MakePattern(json, where);
  if (!pattern.ok()) return pattern.status();
  absl::StatusOr<std::string> content = StringField(json, "content", std::nullopt, where);
  if (!content.ok()) return content.status();
  return Decoder([pattern = *pattern, content = *content](Parts tokens) {
    for (std::string& token : tokens) {
      token = ReplaceMatches(AlignedText::FromInput(token, /*tracked=*/false), pattern, content).text();
    }
    return tokens;
  });
}

absl::StatusOr<Decoder> MakeStrip(const Json& json, const std::string& where) {
  absl::StatusOr<std::string> content = StringField(json, "content", std::nullopt, where);
  if (!content.ok()) return content.status();
  if (content->empty()) return absl::InvalidArgumentError(absl::StrCat(where, ": \"content\" is empty"));
  absl::StatusOr<std::int64_t> start = IntField(json, "start", std::nullopt, 0, 1'000'000, where);
  if (!start.ok()) return start.status();
  absl::StatusOr<std::int64_t> stop = IntField(json, "stop", std::nullopt, 0, 1'000'000, where);
  if (!stop.ok()) return stop.status();
  return Decoder([content = *content, start = *start, stop = *stop](Parts tokens) {
    return Strip(std::move(tokens), content, start, stop);
  });
}

absl::StatusOr<Decoder> MakeSequence(const Json& json, const std::string& where) {
  const Json* list = FindField(json, "decoders");
  if (list == nullptr || !list->is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"decoders\" must be a list"));
  }
  std::vector<Decoder> steps;
  for (const Json& item : *list) {
    const std::string place = absl::StrCat(where, "[", steps.size(), "]");
    if (!item.is_object()) return absl::InvalidArgumentError(absl::StrCat(place, ": expected an object"));
    absl::StatusOr<Decoder> step = MakeDecoder(item, place);
    if (!step.ok()) return step.status();
    steps.push_back(*std::move(step));
  }
  return Decoder([steps = std::move(steps)](Parts tokens) {
    for (const Decoder& step : steps) tokens = step(std::move(tokens));
    return tokens;
  });
}

}  // namespace

absl::StatusOr<Decoder> MakeDecoder(const Json& json, const std::string& where) {
  if (json.is_null()) {
    return Decoder([](const Parts& tokens) { return Parts{absl::StrJoin(tokens, " ")}; });
  }
  absl::StatusOr<std::string> type = StringField(json, "type", std::nullopt, where);
  if (!type.ok()) return type.status();
  if (*type == "Sequence") return MakeSequence(json, where);
  if (*type == "ByteLevel") return Decoder(DecodeByteLevel);
  if (*type == "ByteFallback") return Decoder(DecodeByteFallback);
  if (*type == "Fuse") return Decoder(Fuse);
  if (*type == "Replace") return MakeReplace(json, where);
  if (*type == "Strip") return MakeStrip(json, where);
  if (*type == "Metaspace") {
    absl::StatusOr<Metaspace> metaspace = MakeMetaspace(json, where);
    if (!metaspace.ok()) return metaspace.status();
    return Decoder([metaspace = *metaspace](Parts tokens) { return DecodeMetaspace(std::move(tokens), metaspace); });
  }
  return absl::UnimplementedError(absl::StrCat(
      where, ": type \"", *type,
      "\" is not supported; supported are Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace"));
}

}  // namespace lorasweep::text
