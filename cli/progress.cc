#include "cli/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/sparkline.h"

namespace lorasweep::cli {

Progress::Progress(Context& context, std::string what)
    : context_(context), what_(std::move(what)), painter_(context.err) {}

void Progress::Set(std::int64_t done, std::int64_t total) {
  if (total <= 0) return;
  const double share = std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0);
  const bool bar = context_.err_terminal.interactive;
  const auto now = static_cast<std::int64_t>(share * (bar ? 100 : 10));
  if (now == shown_) return;
  shown_ = now;
  if (!bar) {
    context_.err << what_ << ' ' << FormatPercent(share) << '\n';
    return;
  }
  StyledLine line;
  line.Add(what_).Add("  ").Add(ProgressBar(share, 30), Style::kGood).Add("  ").Add(FormatPercent(share));
  painter_.Paint({line.Render(context_.err_terminal.width, context_.err_terminal.colour)});
}

}  // namespace lorasweep::cli
