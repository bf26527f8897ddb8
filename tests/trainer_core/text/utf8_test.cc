#include "trainer_core/text/utf8.h"

#include <string>

#include <catch2/catch.hpp>

#include "trainer_core/text/aligned_text.h"
#include "trainer_core/text/unicode.h"

namespace lorasweep::text {
namespace {

TEST_CASE("broken UTF-8 is replaced as Python's decode with errors='replace' does") {
  const std::string mark(kReplacementCharacter);
  CHECK(ReplaceBrokenUtf8("plain ä € 😀") == "plain ä € 😀");
  CHECK(ReplaceBrokenUtf8("a\xFF"
                          "b") == "a" + mark + "b");
  CHECK(ReplaceBrokenUtf8("\xE2\x82") == mark);                               // the start of a character is one
  CHECK(ReplaceBrokenUtf8("\xE2\x82(") == mark + "(");                        //
  CHECK(ReplaceBrokenUtf8("\xF0\x9F\x98") == mark);                           //
  CHECK(ReplaceBrokenUtf8("\xED\xA0\x80") == mark + mark + mark);             // a surrogate
  CHECK(ReplaceBrokenUtf8("\xC0\xAF") == mark + mark);                        // overlong
  CHECK(ReplaceBrokenUtf8("\xE0\x80\xAF") == mark + mark + mark);             // overlong
  CHECK(ReplaceBrokenUtf8("\xF4\x90\x80\x80") == mark + mark + mark + mark);  // beyond U+10FFFF
  CHECK(ReplaceBrokenUtf8("\x80") == mark);
  CHECK(ReplaceBrokenUtf8("\xF0\x9F\xF0\x9F\x98\x80") == mark + "😀");
}

TEST_CASE("code points survive encoding and decoding") {
  for (const char32_t c :
       {U'\0', U'a', U'\x7F', U'\x80', U'\x7FF', U'\x800', U'\xD7FF', U'\xE000', U'\xFFFF', U'\x10000', U'\x10FFFF'}) {
    std::string text;
    AppendUtf8(c, text);
    CHECK(IsUtf8(text));
    std::size_t at = 0;
    CHECK(NextCodePoint(text, at) == c);
    CHECK(at == text.size());
  }
}

std::string Normalized(const std::string& text, NormalForm form) {
  return Normalize(AlignedText::FromInput(text, false), form).text();
}

TEST_CASE("normal forms follow Unicode") {
  CHECK(Normalized("e\u0301", NormalForm::kNfc) == "\u00e9");
  CHECK(Normalized("\u00e9", NormalForm::kNfd) == "e\u0301");
  CHECK(Normalized("q\u0307\u0323", NormalForm::kNfc) == "q\u0323\u0307");  // marks in order of class
  CHECK(Normalized("a\u0315\u0300", NormalForm::kNfc) == "\u00e0\u0315");   // composed across a mark
  CHECK(Normalized("a\u0301\u0300", NormalForm::kNfc) == "\u00e1\u0300");   // same class blocks
  CHECK(Normalized("\u1100\u1161\u11a8", NormalForm::kNfc) == "\uac01");    // Hangul
  CHECK(Normalized("\uac01", NormalForm::kNfd) == "\u1100\u1161\u11a8");
  CHECK(Normalized("\u0958", NormalForm::kNfc) == "\u0915\u093c");  // excluded from composition
  CHECK(Normalized("\u2126", NormalForm::kNfc) == "\u03a9");        // a singleton
  CHECK(Normalized("\ufb01\u2460", NormalForm::kNfkc) == "fi1");
  CHECK(Normalized("\ufb01", NormalForm::kNfc) == "\ufb01");
  CHECK(Normalized("\ufdfa", NormalForm::kNfkd).size() == 33);  // the longest decomposition
}

TEST_CASE("normalised text knows where it is from") {
  const AlignedText text = Normalize(AlignedText::FromInput("xe\u0301y", true), NormalForm::kNfc);
  REQUIRE(text.text() == "x\u00e9y");
  CHECK(text.Source({0, 1}) == Span{0, 1});
  CHECK(text.Source({1, 3}) == Span{1, 4});
  CHECK(text.Source({3, 4}) == Span{4, 5});
  CHECK(text.Source({4, 4}) == Span{5, 5});
}

TEST_CASE("properties of characters") {
  CHECK(IsWhitespace(U'\u3000'));
  CHECK_FALSE(IsWhitespace(U'\u180e'));
  CHECK_FALSE(IsWhitespace(U'\u200b'));
  CHECK(IsNumeric(U'½'));
  CHECK(IsNumeric(U'Ⅷ'));
  CHECK_FALSE(IsNumeric(U'一'));
  CHECK(IsPunctuation(U'$'));
  CHECK(IsPunctuation(U'。'));
  CHECK_FALSE(IsPunctuation(U'€'));
  CHECK(IsWord(U'_'));
  CHECK(IsWord(U'\u0301'));
  CHECK_FALSE(IsWord(U'-'));
}

}  // namespace
}  // namespace lorasweep::text
