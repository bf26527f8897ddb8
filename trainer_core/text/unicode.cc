#include "trainer_core/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

utf8proc_category_t Category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// A character of a text being normalised and where in the input it is from.
struct Unit {
  utf8proc_int32_t code_point = 0;
  int combining_class = 0;
  Span source;
};

int CombiningClass(utf8proc_int32_t c) {
  return utf8proc_get_property(c)->combining_class;
}

std::vector<Unit> Decompose(const AlignedText& text, bool compatibility) {
  const int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0);
  std::vector<Unit> units;
  units.reserve(text.text().size());
  std::array<utf8proc_int32_t, 32> parts{};  // the longest decomposition has 18 characters
  std::size_t at = 0;
  while (at < text.text().size()) {
    const Span source = text.SourceAt(at);
    const auto c = static_cast<utf8proc_int32_t>(NextCodePoint(text.text(), at));
    const utf8proc_ssize_t count = utf8proc_decompose_char(c, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()),
                                                           static_cast<utf8proc_option_t>(options), nullptr);
    if (count < 0 || count > static_cast<utf8proc_ssize_t>(parts.size())) {
      units.push_back({c, CombiningClass(c), source});
      continue;
    }
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      const utf8proc_int32_t part = parts[static_cast<std::size_t>(i)];
      units.push_back({part, CombiningClass(part), source});
    }
  }
  return units;
}

// Canonical ordering (Unicode 3.11, D109): runs of marks sorted by their class, stably.
void Reorder(std::vector<Unit>& units) {
  const auto is_starter = [](const Unit& unit) { return unit.combining_class == 0; };
  auto run = units.begin();
  while (run != units.end()) {
    const auto first = std::find_if_not(run, units.end(), is_starter);
    const auto last = std::find_if(first, units.end(), is_starter);
    std::stable_sort(first, last, [](const Unit& a, const Unit& b) { return a.combining_class < b.combining_class; });
    run = last;
  }
}

// The primary composite of two characters, 0 when there is none.
utf8proc_int32_t ComposePair(utf8proc_int32_t first, utf8proc_int32_t second) {
  if (first < 0x80 && second < 0x80) return 0;
  std::array<utf8proc_int32_t, 2> pair{first, second};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  return utf8proc_normalize_utf32(pair.data(), 2, options) == 1 ? pair[0] : 0;
}

// Canonical composition (Unicode 3.11, D117), in place.
void Compose(std::vector<Unit>& units) {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t starter = kNone;
  std::size_t out = 0;
  int last_class = 0;  // of the unit written last behind the starter; 0 when the starter itself is the last
  for (std::size_t i = 0; i < units.size(); ++i) {
    const Unit unit = units[i];
    const bool adjacent = starter != kNone && starter + 1 == out;
    const bool blocked = !adjacent && (last_class == 0 || last_class >= unit.combining_class);
    if (starter != kNone && !blocked) {
      if (const utf8proc_int32_t composed = ComposePair(units[starter].code_point, unit.code_point); composed != 0) {
        units[starter].code_point = composed;
        units[starter].source = {std::min(units[starter].source.begin, unit.source.begin),
                                 std::max(units[starter].source.end, unit.source.end)};
        continue;
      }
    }
    if (unit.combining_class == 0) starter = out;
    last_class = unit.combining_class;
    units[out++] = unit;
  }
  units.resize(out);
}

}  // namespace

bool IsWhitespace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsNumeric(char32_t c) {
  const utf8proc_category_t category = Category(c);
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_NO;
}

bool IsPunctuation(char32_t c) {
  if (c < 0x80) return c > 0x20 && c < 0x7F && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  const utf8proc_category_t category = Category(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool IsWord(char32_t c) {
  // Symbols that are alphabetic all the same: circled and squared letters (Other_Alphabetic).
  if ((c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
      (c >= 0x1F170 && c <= 0x1F189)) {
    return true;
  }
  if (c == 0x200C || c == 0x200D) return true;  // Join_Control
  const utf8proc_category_t category = Category(c);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) || category == UTF8PROC_CATEGORY_PC;
}

void AppendLowercase(char32_t c, std::string& out) {
  if (c == 0x130) {
    out += "i\xCC\x87";  // i and a combining dot above, the only lower-case form of two characters
    return;
  }
  AppendUtf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
}

AlignedText Normalize(const AlignedText& text, NormalForm form) {
  const auto is_ascii = [](char byte) { return static_cast<unsigned char>(byte) < 0x80; };
  if (std::all_of(text.text().begin(), text.text().end(), is_ascii)) return text;
  std::vector<Unit> units = Decompose(text, form == NormalForm::kNfkc || form == NormalForm::kNfkd);
  Reorder(units);
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) Compose(units);
  AlignedText out(text.tracked());
  out.Reserve(text.text().size());
  std::string bytes;
  for (const Unit& unit : units) {
    bytes.clear();
    AppendUtf8(static_cast<char32_t>(unit.code_point), bytes);
    out.Append(bytes, unit.source);
  }
  return out;
}

}  // namespace lorasweep::text
