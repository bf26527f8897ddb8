#include "cli/run_report.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/display_text.h"
#include "cli/format.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kMostRows = 10;
constexpr std::size_t kMostNamed = 5;

// "trial 4", "trials 4, 7 and 9", "trials 4, 7, 9, 2, 3 and 6 others"
std::string Named(const std::vector<std::int64_t>& trials) {
  std::string text = trials.size() == 1 ? "trial " : "trials ";
  const std::size_t shown = std::min(trials.size(), kMostNamed);
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == trials.size();
    absl::StrAppend(&text, i == 0 ? "" : last ? " and " : ", ", trials[i]);
  }
  if (shown < trials.size())
    absl::StrAppend(&text, " and ", Plural(static_cast<std::int64_t>(trials.size() - shown), "other"));
  return text;
}

// Which trials share the best's Pareto front.
std::string FrontLine(const v1::GetLeaderboardResponse& leaderboard) {
  std::vector<std::int64_t> others;
  for (int i = 1; i < leaderboard.rows_size(); ++i) {
    if (leaderboard.rows(i).front() == 1) others.push_back(leaderboard.rows(i).trial().number());
  }
  if (others.empty()) return "best in every objective";
  return absl::StrCat("on the Pareto front with ", Named(others), ": none of them is worse in every objective");
}

// How the best stands to the others.
std::string LeadLine(const v1::GetLeaderboardResponse& leaderboard) {
  std::vector<std::int64_t> tied;
  const v1::LeaderboardRow* next = nullptr;
  for (int i = 1; i < leaderboard.rows_size(); ++i) {
    const v1::LeaderboardRow& row = leaderboard.rows(i);
    if (row.trial().state() != v1::Trial::COMPLETED || row.gap_stderr() == 0) continue;
    if (row.tied_with_best()) {
      tied.push_back(row.trial().number());
    } else if (next == nullptr && row.gap() > 0) {
      next = &row;
    }
  }
  std::string line;
  if (!tied.empty()) absl::StrAppend(&line, "as good as ", Named(tied), " for all that can be told (95 %)");
  if (next != nullptr) {
    absl::StrAppend(&line, line.empty() ? "" : "; ", "ahead of trial ", next->trial().number(), " by ",
                    FormatEstimate(next->gap(), next->gap_stderr()));
  }
  return line;
}

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

std::vector<std::string> ExplainBest(const v1::GetLeaderboardResponse& leaderboard) {
  if (leaderboard.rows().empty()) return {};
  const v1::LeaderboardRow& best = leaderboard.rows(0);
  const v1::SweepSpec& spec = leaderboard.sweep().spec();
  std::vector<std::string> lines;
  std::string what =
      absl::StrCat("trial ", best.trial().number(), ": ", ParameterLine(best.trial(), SearchedParameters(spec)));
  if (!best.trial().suggestion_reason().empty()) absl::StrAppend(&what, ". ", best.trial().suggestion_reason());
  lines.push_back(std::move(what));
  if (best.runs() > 1) {
    lines.push_back(absl::StrCat("trained ", best.runs(), " times with different seeds: the runs lie ",
                                 FormatNumber(best.spread(), 2), " apart (standard deviation)"));
  }
  if (best.diverged() > 0) lines.push_back(absl::StrCat(Plural(best.diverged(), "repeat"), " of it diverged"));
  if (spec.metric().objectives_size() > 0 && best.front() == 1) lines.push_back(FrontLine(leaderboard));
  if (std::string lead = LeadLine(leaderboard); !lead.empty()) lines.push_back(std::move(lead));
  return lines;
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
  for (const std::string& line : ExplainBest(leaderboard)) lines.push_back(Printable(line));
  lines.push_back(WhatPruningSaved(leaderboard));
  if (const std::string& why = leaderboard.sweep().exhausted_reason(); !why.empty()) lines.push_back(Printable(why));
  if (!best_adapter.empty()) lines.push_back(absl::StrCat("best adapter: ", Printable(best_adapter)));
  return lines;
}

}  // namespace lorasweep::cli
