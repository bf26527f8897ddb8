#include "cli/run_report.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "cli/display_text.h"
#include "cli/format.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kMostRows = 10;

}  // namespace

std::string BaseAgainstBest(const v1::GetLeaderboardResponse& leaderboard) {
  const v1::Sweep& sweep = leaderboard.sweep();
  std::string line = absl::StrCat(MetricName(sweep.spec()), ": ");
  if (sweep.has_base_value()) absl::StrAppend(&line, "base model ", FormatMetric(sweep.base_value()));
  if (leaderboard.rows().empty()) return absl::StrCat(line, sweep.has_base_value() ? ", " : "", "no trial has one");
  const v1::LeaderboardRow& best = leaderboard.rows(0);
  absl::StrAppend(&line, sweep.has_base_value() ? ", " : "", "best ", FormatEstimate(best.value(), best.value_stderr()),
                  " (trial ", best.trial().number());
  const double base = sweep.base_value();
  if (sweep.has_base_value() && base != 0 && std::isfinite(best.value() / base)) {
    const double change = (best.value() - base) / std::fabs(base);
    absl::StrAppend(&line, ", ", FormatPercent(std::fabs(change)), change < 0 ? " lower" : " higher");
  }
  return line + ")";
}

std::string WhatPruningSaved(const v1::GetLeaderboardResponse& leaderboard) {
  const v1::TrialCounts& counts = leaderboard.sweep().trial_counts();
  const std::int64_t trials = counts.queued() + counts.running() + counts.paused() + counts.completed() +
                              counts.pruned() + counts.infeasible() + counts.failed() + counts.cancelled();
  std::string line = absl::StrCat(FormatCount(counts.pruned()), " of ", Plural(trials, "trial"), " pruned");
  const std::int64_t all = leaderboard.steps_run() + leaderboard.steps_saved();
  if (leaderboard.steps_saved() > 0) {
    absl::StrAppend(&line, ", which saved ", FormatCount(leaderboard.steps_saved()), " of ", Plural(all, "step"), " (",
                    FormatPercent(static_cast<double>(leaderboard.steps_saved()) / static_cast<double>(all)), ")");
  }
  return line;
}

std::vector<std::string> RenderRunReport(const v1::GetLeaderboardResponse& leaderboard, const std::string& best_adapter,
                                         const Terminal& terminal) {
  std::vector<std::string> lines;
  if (!leaderboard.rows().empty()) {
    Table table = LeaderboardTable(leaderboard);
    const std::size_t rows = table.rows.size();
    if (rows > kMostRows) table.rows.resize(kMostRows);
    lines = RenderTable(table, terminal);
    if (rows > kMostRows) lines.push_back(absl::StrCat("… and ", rows - kMostRows, " more"));
    lines.emplace_back();
  }
  lines.push_back(Printable(BaseAgainstBest(leaderboard)));
  lines.push_back(WhatPruningSaved(leaderboard));
  if (!best_adapter.empty()) lines.push_back(absl::StrCat("best adapter: ", Printable(best_adapter)));
  return lines;
}

}  // namespace lorasweep::cli
