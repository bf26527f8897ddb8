#pragma once

#include <string>

#include "trainer_core/text/aligned_text.h"

// Properties and normal forms of characters. The only door to utf8proc.
namespace lorasweep::text {

bool IsWhitespace(char32_t c);   // White_Space
bool IsNumeric(char32_t c);      // General category N
bool IsPunctuation(char32_t c);  // General category P, and all of ASCII's !"#$%&'()*+,-./:;<=>?@[\]^_`{|}~
bool IsWord(char32_t c);         // \w: letters, marks, decimal digits, connectors, joiners

// Appends the lower-case form; one character gives two for U+0130 only.
void AppendLowercase(char32_t c, std::string& out);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
AlignedText Normalize(const AlignedText& text, NormalForm form);

}  // namespace lorasweep::text
