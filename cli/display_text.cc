#include "cli/display_text.h"

#include <algorithm>
#include <cstdint>

namespace lorasweep::cli {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
};

// A byte that does not begin valid UTF-8 counts as one replacement character.
CodePoint Decode(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  std::size_t bytes = 1;
  char32_t value = byte;
  if (byte >= 0xF0 && byte < 0xF8) {
    bytes = 4;
    value = byte & 0x07;
  } else if (byte >= 0xE0 && byte < 0xF0) {
    bytes = 3;
    value = byte & 0x0F;
  } else if (byte >= 0xC0 && byte < 0xE0) {
    bytes = 2;
    value = byte & 0x1F;
  } else if (byte >= 0x80) {
    return {0xFFFD, 1};
  }
  if (at + bytes > text.size()) return {0xFFFD, 1};
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[at + i]);
    if ((next & 0xC0) != 0x80) return {0xFFFD, 1};
    value = (value << 6) | (next & 0x3F);
  }
  return {value, bytes};
}

bool IsControl(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

// The ranges of Unicode's East Asian Width W and F, and of combining marks, that names and messages really contain.
std::size_t ColumnsOf(char32_t c) {
  if ((c >= 0x0300 && c <= 0x036F) || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F)) return 0;
  const bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
                    (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                    (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || c >= 0x20000;
  return wide ? 2 : 1;
}

// The colours of states are Okabe and Ito's, which colour-blind people tell apart, in the 256-colour palette.
std::string_view Sequence(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kBold:
      return "\x1b[1m";
    case Style::kFaint:
      return "\x1b[2m";
    case Style::kBest:
      return "\x1b[1;38;5;74m";
    case Style::kGood:
      return "\x1b[38;5;36m";
    case Style::kWarning:
      return "\x1b[38;5;214m";
    case Style::kBad:
      return "\x1b[38;5;166m";
  }
  return "";
}

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = Decode(text, at);
    width += ColumnsOf(c.value);
    at += c.bytes;
  }
  return width;
}

std::string Shorten(std::string_view text, std::size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::size_t used = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = Decode(text, at);
    if (used + ColumnsOf(c.value) > width - 1) break;
    used += ColumnsOf(c.value);
    at += c.bytes;
  }
  return std::string(text.substr(0, at)) + "…";
}

std::string Printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = Decode(text, at);
    if (c.value == 0xFFFD && c.bytes == 1) {
      shown += "\xEF\xBF\xBD";
    } else if (IsControl(c.value)) {
      shown += ' ';
    } else {
      shown += text.substr(at, c.bytes);
    }
    at += c.bytes;
  }
  return shown;
}

std::string PrintableLines(std::string_view text) {
  std::string shown;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    shown += Printable(text.substr(begin, end - begin));
    if (end < text.size()) shown += '\n';
    begin = end + 1;
  }
  return shown;
}

std::string PadRight(std::string_view text, std::size_t width) {
  std::string padded(text);
  const std::size_t now = DisplayWidth(text);
  if (now < width) padded.append(width - now, ' ');
  return padded;
}

std::string PadLeft(std::string_view text, std::size_t width) {
  const std::size_t now = DisplayWidth(text);
  return std::string(now < width ? width - now : 0, ' ') + std::string(text);
}

StyledLine& StyledLine::Add(std::string_view text, Style style) {
  pieces_.push_back({Printable(text), style});
  width_ += DisplayWidth(pieces_.back().text);
  return *this;
}

StyledLine& StyledLine::PadTo(std::size_t width) {
  if (width_ < width) Add(std::string(width - width_, ' '));
  return *this;
}

std::string StyledLine::Render(std::size_t max_width, bool colour) const {
  std::string line;
  std::size_t left = max_width == 0 ? width_ : max_width;
  const bool cut = width_ > left;
  for (std::size_t i = 0; i < pieces_.size() && left > 0; ++i) {
    const Piece& piece = pieces_[i];
    const std::size_t wanted = DisplayWidth(piece.text);
    // Where the next piece does not fit any more, this one gives up its last column to the mark.
    const bool last = cut && wanted >= left;
    std::string text = last ? Shorten(piece.text + " ", left) : piece.text;
    left -= last ? left : wanted;
    const bool styled = colour && piece.style != Style::kPlain && text.find_first_not_of(' ') != std::string::npos;
    if (styled) line += Sequence(piece.style);
    line += text;
    if (styled) line += "\x1b[0m";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace lorasweep::cli
