#include "cli/painter.h"

#include "absl/strings/str_cat.h"

namespace lorasweep::cli {
namespace {

std::string Up(std::size_t lines) {
  return lines == 0 ? "" : absl::StrCat("\x1b[", lines, "A");
}

}  // namespace

Painter::~Painter() {
  if (cursor_hidden_) out_ << "\x1b[?25h" << std::flush;
}

void Painter::Paint(const std::vector<std::string>& lines) {
  if (lines == shown_) return;
  // One write, so that no half of a picture is ever shown.
  std::string picture;
  if (!cursor_hidden_) picture += "\x1b[?25l";
  cursor_hidden_ = true;
  picture += Up(shown_.size()) + "\r";
  for (const std::string& line : lines) picture += line + "\x1b[K\n";
  picture += "\x1b[J";
  out_ << picture << std::flush;
  shown_ = lines;
}

void Painter::Erase() {
  if (shown_.empty()) return;
  out_ << Up(shown_.size()) << "\r\x1b[J" << std::flush;
  shown_.clear();
}

}  // namespace lorasweep::cli
